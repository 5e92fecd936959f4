import type { OutgoingHttpHeaders } from 'node:http';
import type { Call, Protocol } from './call.ts';
import { escapeXml } from './xml.ts';

/** What is sent back. */
export interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  /** The error that it tells of, where the proxy made it. */
  readonly code?: string;
}

const REQUEST_ID = 'a750db31-e38c-4925-bd00-b6867a1079ec';
const NAMESPACES: Readonly<Record<string, string>> = {
  elasticloadbalancing: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
  iam: 'https://iam.amazonaws.com/doc/2010-05-08/',
  rds: 'http://rds.amazonaws.com/doc/2014-10-31/',
  sts: 'https://sts.amazonaws.com/doc/2011-06-15/',
};

/** An error in the form in which the call's service writes its own. */
export function errorAnswer(call: Call, status: number, code: string, message: string): Answer {
  return { status, code, ...FORMS[call.protocol](call, code, message) };
}

type Form = (call: Call, code: string, message: string) => Pick<Answer, 'headers' | 'body'>;

/** The bodies as captures of real answers show them: no namespace and `RequestID` in EC2's, a namespace and `RequestId` in the others'. */
const FORMS: Readonly<Record<Protocol, Form>> = {
  ec2: (_call, code, message) => ({
    headers: { 'content-type': 'text/xml;charset=UTF-8', server: 'AmazonEC2' },
    body: Buffer.from(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error></Errors><RequestID>${REQUEST_ID}</RequestID></Response>`,
    ),
  }),
  query: ({ service }, code, message) => ({
    headers: { 'content-type': 'text/xml', 'x-amzn-requestid': REQUEST_ID },
    body: Buffer.from(
      `<ErrorResponse xmlns="${NAMESPACES[service] ?? ''}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error><RequestId>${REQUEST_ID}</RequestId></ErrorResponse>`,
    ),
  }),
  json: ({ request }, code, message) => ({
    headers: { 'content-type': request.headers['content-type'] ?? 'application/x-amz-json-1.1', 'x-amzn-requestid': REQUEST_ID },
    body: Buffer.from(JSON.stringify({ __type: code, message })),
  }),
  'rest-json': (_call, code, message) => ({
    headers: { 'content-type': 'application/json', 'x-amzn-requestid': REQUEST_ID, 'x-amzn-errortype': code },
    body: Buffer.from(JSON.stringify({ Message: message })),
  }),
  'rest-xml': (_call, code, message) => ({
    headers: { 'content-type': 'application/xml', server: 'AmazonS3', 'x-amz-request-id': '4442587FB7D0A2F9', 'x-amz-id-2': 'host' },
    body: Buffer.from(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message><RequestId>4442587FB7D0A2F9</RequestId><HostId>host</HostId></Error>`,
    ),
  }),
};

const THROTTLED: Readonly<Record<Exclude<Protocol, 'ec2'>, readonly [number, string, string]>> = {
  query: [400, 'Throttling', 'Rate exceeded'],
  json: [400, 'ThrottlingException', 'Rate exceeded'],
  'rest-json': [429, 'ThrottlingException', 'Rate exceeded'],
  'rest-xml': [503, 'SlowDown', 'Please reduce your request rate.'],
};

/** What a service answers when it is asked too often. */
export function throttledAnswer(call: Call, account: string): Answer {
  if (call.protocol !== 'ec2') return errorAnswer(call, ...THROTTLED[call.protocol]);
  const message = `Request limit exceeded. Account ${account} has been throttled on ec2:${call.action} because it exceeded its request rate limit.`;
  return errorAnswer(call, 503, 'RequestLimitExceeded', message);
}

/** What moto answers to whatever it does not know, and no service of AWS ever does. */
export function htmlAnswer(): Answer {
  const body = Buffer.from(
    '<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n<p>The server encountered an internal error and was unable to complete your request.</p>\n',
  );
  return { status: 500, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}
