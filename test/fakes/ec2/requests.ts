import type { IncomingMessage } from 'node:http';
import { ACTIONS, SERVICES } from './actions/actions.ts';
import type { Service } from './actions/actions.ts';
import type { Action } from './actions/action.ts';
import { decodeJson, jsonAnswer, jsonError } from './protocol/json.ts';
import { decodeQuery, fingerprint } from './protocol/query.ts';
import type { RestRequest } from './protocol/rest.ts';
import { decodeRest, restError, restFingerprint, routed } from './protocol/rest.ts';
import { Refusal } from './protocol/refusal.ts';
import { scopeOf } from './protocol/signature.ts';
import { ec2Answer, ec2Error, stsAnswer, stsError } from './protocol/xml.ts';

export type Protocol = 'ec2' | 'query' | 'json' | 'rest';

/** A request whose envelope has been read: who asks what of whom; its parameters are not decoded yet. */
export interface Request {
  readonly service: Service | 'unknown';
  /** How it is written, and to be answered. */
  readonly protocol: Protocol;
  readonly name: string;
  readonly region: string;
  readonly accessKeyId: string;
  /** @throws Refusal where there is no such action */
  readonly action: () => Action;
  /** @throws Refusal for parameters that are not those of the action */
  readonly input: (action: Action) => object;
  readonly fingerprint: string;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** Name of the error, where the protocol tells it in a header. */
  readonly error?: string;
}

/** @throws Refusal where it is not signed */
export function readRequest({ headers, method = '', url = '' }: IncomingMessage, body: string): Request {
  const { accessKeyId, region, service: signedFor } = scopeOf(headers.authorization);
  const service: Request['service'] = SERVICES.find((known) => known === signedFor) ?? 'unknown';
  const [, target] = /\.(\w+)$/.exec(String(headers['x-amz-target'] ?? '')) ?? [];
  if (service === 'scheduler') return restRequest(service, { region, accessKeyId }, { method, url, body });
  const protocol: Protocol = target !== undefined ? 'json' : service === 'ec2' ? 'ec2' : 'query';
  const common = { service, protocol, region, accessKeyId };
  if (target !== undefined) {
    const action = () => find(service, target, 'json');
    return { ...common, name: target, action, input: ({ input }) => decodeJson(body, input), fingerprint: body };
  }
  const form = new URLSearchParams(body);
  const name = form.get('Action') ?? '';
  return {
    ...common,
    name,
    action: () => find(service, name, protocol),
    input: ({ input }) => decodeQuery(form, input, service === 'ec2' ? 'ec2' : 'query'),
    fingerprint: fingerprint(form),
  };
}

function restRequest(service: Service, signed: Pick<Request, 'region' | 'accessKeyId'>, request: RestRequest): Request {
  const found = routed(ACTIONS[service].values(), request);
  const name = found?.name ?? `${request.method} ${request.url}`;
  return {
    ...signed,
    service,
    protocol: 'rest',
    name,
    action: () => {
      if (found !== undefined) return found;
      throw new Refusal(404, 'UnknownOperationException', `${name} is not imitated`);
    },
    input: (action) => decodeRest(request, action),
    fingerprint: restFingerprint(request),
  };
}

function find(service: Service | 'unknown', name: string, protocol: Protocol): Action {
  const action = service === 'unknown' ? undefined : ACTIONS[service].get(name);
  if (action !== undefined) return action;
  throw protocol === 'json'
    ? new Refusal(400, 'UnknownOperationException', `${name} is not imitated`)
    : new Refusal(400, 'InvalidAction', `The action ${name} is not valid for this web service.`);
}

export function answerOf(protocol: Protocol, action: Action, value: object, requestId: string): Answer {
  if (protocol === 'json') return { status: 200, type: JSON_TYPE, body: jsonAnswer(value) };
  if (protocol === 'rest') return { status: 200, type: REST_TYPE, body: jsonAnswer(value) };
  const body = protocol === 'query' ? stsAnswer(action, value, requestId) : ec2Answer(action, value, requestId);
  return { status: 200, type: XML_TYPE, body };
}

export function errorOf(protocol: Protocol, refusal: Refusal, requestId: string): Answer {
  const { status } = refusal;
  if (protocol === 'json') return { status, type: JSON_TYPE, body: jsonError(refusal) };
  if (protocol === 'rest') return { status, type: REST_TYPE, body: restError(refusal), error: refusal.code };
  return { status, type: XML_TYPE, body: protocol === 'query' ? stsError(refusal, requestId) : ec2Error(refusal, requestId) };
}

const JSON_TYPE = 'application/x-amz-json-1.1';
const REST_TYPE = 'application/json';
const XML_TYPE = 'text/xml;charset=UTF-8';

export const HTML: Answer = {
  status: 500,
  type: 'text/html; charset=utf-8',
  body: '<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n<p>The server encountered an internal error and was unable to complete your request.</p>\n',
};
