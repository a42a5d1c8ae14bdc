// In the place of cloudflared: forwards to the gateway as Cloudflare does. Runs in the image, hence plain JavaScript.
// Source: https://developers.cloudflare.com/fundamentals/reference/http-headers/
import { createServer, request } from 'node:http';

const CLIENT = '203.0.113.7';
const host = 'notebooks.example.com';

const server = createServer((req, res) => {
  const passed = forward(req, (answer) => {
    res.writeHead(answer.statusCode, answer.headers);
    answer.pipe(res);
  });
  passed.on('error', () => res.destroy());
  req.pipe(passed);
});
server.on('upgrade', (req, socket) => {
  const refused = (answer) => socket.end(`HTTP/1.1 ${answer.statusCode} Refused\r\n\r\n`);
  const passed = forward(req, refused);
  passed.on('error', () => socket.destroy());
  passed.on('upgrade', (answer, upstream) => {
    const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
    upstream.pipe(socket).pipe(upstream);
    for (const end of [socket, upstream]) end.on('error', () => [socket, upstream].map((s) => s.destroy()));
  });
  passed.end();
});
server.listen(8080, '0.0.0.0');

function forward({ method, url: path, headers }, answered) {
  const before = headers['x-forwarded-for'];
  const told = {
    host,
    'x-forwarded-proto': 'https',
    'x-forwarded-for': before === undefined ? CLIENT : `${before},${CLIENT}`,
    'cf-connecting-ip': CLIENT,
    'cf-visitor': '{"scheme":"https"}',
  };
  return request({ port: 8888, method, path, headers: { ...headers, ...told } }, answered);
}
