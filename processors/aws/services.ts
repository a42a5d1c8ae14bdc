/** How a service of AWS wants to be asked: https://smithy.io/2.0/aws/protocols/index.html */
type Protocol =
  | { readonly kind: 'ec2' | 'query'; readonly version: string }
  | { readonly kind: 'json'; readonly target: string; readonly version: '1.0' | '1.1' }
  | { readonly kind: 'rest' };

export interface Service {
  readonly name: string;
  /** The beginning of its host's name, and what requests are signed for. */
  readonly prefix: string;
  readonly signing: string;
  readonly protocol: Protocol;
  /** The parameter that takes the next page's mark, and the member that gives it. */
  readonly page: readonly [parameter: string, member: string];
}

/** One of a service's actions that a cell may ask for. */
export interface Action {
  readonly service: Service;
  readonly name: string;
  /** Where its list is: names of members, each of a list's items on the way. Absent: the answer is one object. */
  readonly list?: readonly string[];
  /** Of a service that has paths: names in braces are parameters. */
  readonly path?: string;
  /** It changes something: only with `read_only: false`. */
  readonly writes: boolean;
}

const services = {
  cloudwatch: {
    name: 'cloudwatch',
    prefix: 'monitoring',
    signing: 'monitoring',
    protocol: { kind: 'json', target: 'GraniteServiceVersion20100801', version: '1.0' },
    page: ['NextToken', 'NextToken'],
  },
  logs: {
    name: 'logs',
    prefix: 'logs',
    signing: 'logs',
    protocol: { kind: 'json', target: 'Logs_20140328', version: '1.1' },
    page: ['nextToken', 'nextToken'],
  },
  ec2: {
    name: 'ec2',
    prefix: 'ec2',
    signing: 'ec2',
    protocol: { kind: 'ec2', version: '2016-11-15' },
    page: ['NextToken', 'nextToken'],
  },
  ecs: {
    name: 'ecs',
    prefix: 'ecs',
    signing: 'ecs',
    protocol: { kind: 'json', target: 'AmazonEC2ContainerServiceV20141113', version: '1.1' },
    page: ['nextToken', 'nextToken'],
  },
  eks: {
    name: 'eks',
    prefix: 'eks',
    signing: 'eks',
    protocol: { kind: 'rest' },
    page: ['nextToken', 'nextToken'],
  },
  rds: {
    name: 'rds',
    prefix: 'rds',
    signing: 'rds',
    protocol: { kind: 'query', version: '2014-10-31' },
    page: ['Marker', 'Marker'],
  },
  lambda: {
    name: 'lambda',
    prefix: 'lambda',
    signing: 'lambda',
    protocol: { kind: 'rest' },
    page: ['Marker', 'NextMarker'],
  },
  sts: {
    name: 'sts',
    prefix: 'sts',
    signing: 'sts',
    protocol: { kind: 'query', version: '2011-06-15' },
    page: ['', ''],
  },
} as const satisfies Record<string, Service>;

/**
 * Every action that a cell may ask for, with where its list is. A new action is a new line here: nothing is allowed by
 * the look of its name, as some that only read give away secrets (`GetSecretValue`).
 * Source: the API reference of each service, e.g. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/
 */
const reads: Readonly<Record<keyof typeof services, Readonly<Record<string, string>>>> = {
  cloudwatch: {
    DescribeAlarmHistory: 'AlarmHistoryItems',
    DescribeAlarms: 'MetricAlarms',
    DescribeAnomalyDetectors: 'AnomalyDetectors',
    ListDashboards: 'DashboardEntries',
    ListMetrics: 'Metrics',
  },
  logs: {
    DescribeLogGroups: 'logGroups',
    DescribeLogStreams: 'logStreams',
    DescribeMetricFilters: 'metricFilters',
    DescribeQueries: 'queries',
    DescribeSubscriptionFilters: 'subscriptionFilters',
  },
  ec2: {
    DescribeAddresses: 'addressesSet',
    DescribeAvailabilityZones: 'availabilityZoneInfo',
    DescribeImages: 'imagesSet',
    DescribeInstances: 'reservationSet.instancesSet',
    DescribeInstanceStatus: 'instanceStatusSet',
    DescribeNatGateways: 'natGatewaySet',
    DescribeNetworkInterfaces: 'networkInterfaceSet',
    DescribeRegions: 'regionInfo',
    DescribeRouteTables: 'routeTableSet',
    DescribeSecurityGroups: 'securityGroupInfo',
    DescribeSnapshots: 'snapshotSet',
    DescribeSubnets: 'subnetSet',
    DescribeVolumes: 'volumeSet',
    DescribeVpcs: 'vpcSet',
  },
  ecs: {
    DescribeCapacityProviders: 'capacityProviders',
    DescribeClusters: 'clusters',
    DescribeContainerInstances: 'containerInstances',
    DescribeServices: 'services',
    DescribeTasks: 'tasks',
    ListClusters: 'clusterArns',
    ListContainerInstances: 'containerInstanceArns',
    ListServices: 'serviceArns',
    ListTaskDefinitions: 'taskDefinitionArns',
    ListTasks: 'taskArns',
  },
  eks: {
    DescribeAddon: '/clusters/{name}/addons/{addonName}',
    DescribeCluster: '/clusters/{name}',
    DescribeFargateProfile: '/clusters/{name}/fargate-profiles/{fargateProfileName}',
    DescribeNodegroup: '/clusters/{name}/node-groups/{nodegroupName}',
    DescribeUpdate: '/clusters/{name}/updates/{updateId}',
    ListAccessEntries: '/clusters/{name}/access-entries accessEntries',
    ListAddons: '/clusters/{name}/addons addons',
    ListClusters: '/clusters clusters',
    ListFargateProfiles: '/clusters/{name}/fargate-profiles fargateProfileNames',
    ListNodegroups: '/clusters/{name}/node-groups nodegroups',
    ListUpdates: '/clusters/{name}/updates updateIds',
  },
  rds: {
    DescribeDBClusters: 'DBClusters',
    DescribeDBClusterSnapshots: 'DBClusterSnapshots',
    DescribeDBInstances: 'DBInstances',
    DescribeDBLogFiles: 'DescribeDBLogFiles',
    DescribeDBSnapshots: 'DBSnapshots',
    DescribeDBSubnetGroups: 'DBSubnetGroups',
    DescribeEvents: 'Events',
    DescribePendingMaintenanceActions: 'PendingMaintenanceActions',
  },
  lambda: {
    GetAccountSettings: '/2016-08-19/account-settings',
    GetFunctionConcurrency: '/2019-09-30/functions/{FunctionName}/concurrency',
    GetFunctionConfiguration: '/2015-03-31/functions/{FunctionName}/configuration',
    ListAliases: '/2015-03-31/functions/{FunctionName}/aliases Aliases',
    ListEventSourceMappings: '/2015-03-31/event-source-mappings EventSourceMappings',
    ListFunctions: '/2015-03-31/functions Functions',
    ListVersionsByFunction: '/2015-03-31/functions/{FunctionName}/versions Versions',
  },
  sts: { GetCallerIdentity: '' },
};

/** What an incident may need; AWS's own rights decide whether the connection may. */
const writes: Readonly<Partial<Record<keyof typeof services, readonly string[]>>> = {
  cloudwatch: ['DisableAlarmActions', 'EnableAlarmActions', 'SetAlarmState'],
  ec2: ['RebootInstances', 'StartInstances', 'StopInstances'],
  ecs: ['StopTask', 'UpdateService'],
  rds: ['RebootDBInstance', 'StartDBInstance', 'StopDBInstance'],
};

/** By service, and by name as AWS's API has it. */
export const actions: ReadonlyMap<string, ReadonlyMap<string, Action>> = new Map(
  Object.entries(services).map(([name, service]) => {
    const key = name as keyof typeof services;
    return [
      name,
      new Map([
        ...Object.entries(reads[key]).map(([action, at]) => [action, reading(service, action, at)] as const),
        ...(writes[key] ?? []).map((action) => [action, { service, name: action, writes: true }] as const),
      ]),
    ];
  }),
);

function reading(service: Service, name: string, at: string): Action {
  const words = at.split(' ');
  const path = at.startsWith('/') ? words.shift() : undefined;
  const [list = ''] = words;
  return {
    service,
    name,
    writes: false,
    ...(path !== undefined && { path }),
    ...(list !== '' && { list: list.split('.') }),
  };
}

/** Actions that verbs of their own use, and that are no verbs. */
export const INSIGHTS = {
  start: own('logs', 'StartQuery'),
  results: own('logs', 'GetQueryResults'),
  stop: own('logs', 'StopQuery'),
};
export const FILTER_LOG_EVENTS = own('logs', 'FilterLogEvents');
export const GET_METRIC_DATA = own('cloudwatch', 'GetMetricData');

function own(service: keyof typeof services, name: string): Action {
  return { service: services[service], name, writes: false };
}

/** One of the actions above. */
export function actionOf(service: string, name: string): Action {
  const action = actions.get(service)?.get(name);
  if (action === undefined) throw new TypeError(`there is no ${service} ${name}`);
  return action;
}

/** As AWS's command line writes it: `describe-db-instances`. */
export function commandOf(action: string): string {
  return action
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase();
}
