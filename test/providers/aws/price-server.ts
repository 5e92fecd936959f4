import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import { noteCall } from '../../aws/noted.ts';

export interface Asked {
  readonly service: string;
  /** Filters by field. */
  readonly filters: Readonly<Record<string, string>>;
}

export interface PriceServer {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** What it answers from now on. */
  mode: 'prices' | 'page' | 'nothing' | 'silence';
}

/** Speaks the wire form of the Price List API (JSON 1.1, products as JSON within JSON) for a few prices of eu-central-1. */
export async function startPriceServer(): Promise<PriceServer> {
  const asked: Asked[] = [];
  const state: { mode: PriceServer['mode'] } = { mode: 'prices' };
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      noteCall({ method: request.method ?? 'POST', path: request.url ?? '/', headers: request.headers, body });
      const text = body.toString();
      const { ServiceCode, Filters = [] }: { ServiceCode: string; Filters?: { Field: string; Value: string }[] } = JSON.parse(text);
      const filters = Object.fromEntries(Filters.map(({ Field, Value }) => [Field, Value]));
      asked.push({ service: ServiceCode, filters });
      if (state.mode === 'silence') return;
      if (state.mode === 'page') {
        response.writeHead(500, { 'content-type': 'text/html' }).end('<!doctype html><title>500</title>');
        return;
      }
      const PriceList = state.mode === 'nothing' ? [] : productsFor(ServiceCode, filters);
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify({ FormatVersion: 'aws_v1', PriceList }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return Object.assign(state, { url, asked });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function productsFor(service: string, filters: Readonly<Record<string, string>>): readonly string[] {
  if (filters['regionCode'] !== 'eu-central-1') return [];
  if (service === 'AWSELB')
    return [product('EUC1-LCUUsage', 'LCU-Hrs', '0.0080000000'), product('EUC1-LoadBalancerUsage', 'Hrs', '0.0270000000')];
  if (filters['volumeApiName'] === 'gp3') return [product('EUC1-EBS:VolumeUsage.gp3', 'GB-Mo', '0.0952000000')];
  if (filters['instanceType'] === 't3.micro') {
    return [product('EUC1-BoxUsage:t3.micro', 'Hrs', '0.0120000000'), product('EUC1-UnusedBox:t3.micro', 'Hrs', '0.0000000000')];
  }
  return [];
}

function product(usagetype: string, unit: string, USD: string): string {
  return JSON.stringify({
    product: { productFamily: 'x', attributes: { usagetype } },
    terms: { OnDemand: { 'A.B': { priceDimensions: { 'A.B.C': { unit, pricePerUnit: { USD } } } } } },
  });
}
