// The world outside of a container, on loopback: a name server, and a service behind TLS whose
// certificate nobody has signed.

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:tls';

const A = 1;
const HEADER_BYTES = 12;

/** Answers every question for an address with 127.0.0.1. Returns the names that were asked for. */
export function names() {
  const asked = new Set();
  const socket = createSocket('udp4');
  socket.on('message', (question, from) => {
    const labels = [];
    let at = HEADER_BYTES;
    for (let length = question[at]; length > 0; length = question[at]) {
      labels.push(question.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = question.readUInt16BE(at + 1);
    const end = at + 5;
    asked.add(labels.join('.'));
    const header = Buffer.from(question.subarray(0, HEADER_BYTES));
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(type === A ? 1 : 0, 6);
    header.writeUInt32BE(0, 8);
    // The name of the question, an address of the Internet, a second, four bytes.
    const address = Buffer.from([0xc0, 0x0c, 0, A, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    const parts = [header, question.subarray(HEADER_BYTES, end), ...(type === A ? [address] : [])];
    socket.send(Buffer.concat(parts), from.port, from.address);
  });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.bind(53, '127.0.0.1', () => resolve({ asked, stop: () => socket.close() }));
  });
}

/** Returns its port, the names that clients called it, and why they turned away. */
export async function service(folder) {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=DNS:appwrite.test,DNS:models.test'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  const called = new Set();
  const server = createServer({
    key: readFileSync(key),
    cert: readFileSync(cert),
    SNICallback: (name, answer) => {
      called.add(name);
      answer(null);
    },
  });
  // Whoever trusts no more than the built-in roots ends the handshake.
  server.on('tlsClientError', () => {});
  server.on('secureConnection', (socket) => socket.destroy(new Error('the certificate was believed')));
  await new Promise((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));
  return { port: server.address().port, called, stop: () => server.close() };
}
