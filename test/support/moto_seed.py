"""Fills a moto server as an account in use, makes its users, and prints their keys as JSON."""

import io
import json
import sys
import time
import zipfile

import boto3

endpoint = sys.argv[1]
common = {
    "endpoint_url": endpoint,
    "region_name": "eu-west-1",
    "aws_access_key_id": "setup",
    "aws_secret_access_key": "setup",
}


def client(name):
    return boto3.client(name, **common)


now = int(time.time())

cloudwatch = client("cloudwatch")
for at in range(60):
    cloudwatch.put_metric_data(
        Namespace="Shop",
        MetricData=[
            {
                "MetricName": "Latency",
                "Dimensions": [{"Name": "Service", "Value": service}],
                "Timestamp": now - 60 * at,
                "Value": base + at,
            }
            for service, base in (("payment", 100), ('stock "a"', 200))
        ],
    )
for name in ("payment latency", "stock latency"):
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Shop",
        MetricName="Latency",
        Dimensions=[{"Name": "Service", "Value": "payment"}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=150.5,
        ComparisonOperator="GreaterThanThreshold",
    )
cloudwatch.set_alarm_state(AlarmName="stock latency", StateValue="ALARM", StateReason="too slow", StateReasonData="{}")

logs = client("logs")
logs.create_log_group(logGroupName="/shop/payment")
logs.create_log_stream(logGroupName="/shop/payment", logStreamName="web-1")
logs.put_log_events(
    logGroupName="/shop/payment",
    logStreamName="web-1",
    logEvents=[
        {"timestamp": (now - 600) * 1000 + at, "message": f"{'ERROR' if at % 10 == 0 else 'INFO'} line {at} <b>é\n"}
        for at in range(200)
    ],
)
logs.create_log_group(logGroupName="/shop/stock")

ec2 = client("ec2")
image = ec2.describe_images()["Images"][0]["ImageId"]
tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web <1>"}, {"Key": "team", "Value": "shop"}]}]
instances = ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2, TagSpecifications=tags)["Instances"]

client("rds").create_db_instance(
    DBInstanceIdentifier="orders",
    DBInstanceClass="db.t3.micro",
    Engine="postgres",
    EngineVersion="16.3",
    AllocatedStorage=20,
    MasterUsername="me",
    MasterUserPassword="canary-db-password",
)
ecs = client("ecs")
ecs.create_cluster(clusterName="shop", tags=[{"key": "team", "value": "shop"}])

iam = client("iam")
role_policy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(role_policy))["Role"]


def policy(actions):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})


iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=policy("*"))
bundle = io.BytesIO()
with zipfile.ZipFile(bundle, "w") as archive:
    archive.writestr("f.py", "def handler(event, context): return 1\n")
client("lambda").create_function(
    FunctionName="checkout",
    Runtime="python3.12",
    Role=role["Arn"],
    Handler="f.handler",
    Code={"ZipFile": bundle.getvalue()},
    Environment={"Variables": {"DB_PASSWORD": "canary-function-password"}},
)
client("eks").create_cluster(name="shop", roleArn=role["Arn"], resourcesVpcConfig={"subnetIds": [], "securityGroupIds": []})


def user(name, actions):
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(actions))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


print(
    json.dumps(
        {
            "all": user("everything", "*"),
            "logs": user("logs-only", ["logs:DescribeLogGroups", "logs:FilterLogEvents"]),
            "none": user("nothing", ["s3:ListBucket"]),
            "role": role["Arn"],
            "instances": [instance["InstanceId"] for instance in instances],
        }
    )
)
