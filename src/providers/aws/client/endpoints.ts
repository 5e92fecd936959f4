type Env = Readonly<Record<string, string | undefined>>;

/**
 * The endpoint that the environment names for a service, or undefined where the service has its usual one: `AWS_ENDPOINT_URL_EC2` before
 * `AWS_ENDPOINT_URL`; none with `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true`.
 * Source: "Service-specific endpoints" in the AWS SDKs and Tools reference guide.
 * @param service service ID of the SDK, such as `Elastic Load Balancing v2`
 */
export function endpointOf(env: Env, service: string): string | undefined {
  if (env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return undefined;
  const own = env[`AWS_ENDPOINT_URL_${service.toUpperCase().replaceAll(' ', '_')}`];
  return given(own) ?? given(env['AWS_ENDPOINT_URL']);
}

/** True where the environment names an endpoint of any service. */
export function namesEndpoints(env: Env): boolean {
  return Object.keys(env).some((name) => name.startsWith('AWS_ENDPOINT_URL') && given(env[name]) !== undefined);
}

/** Where the environment's own endpoints are, as `host` or `host:port`: whatever answers there need not be AWS. */
export function namedHosts(env: Env): ReadonlySet<string> {
  if (env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return new Set();
  const named = Object.keys(env).filter((name) => name.startsWith('AWS_ENDPOINT_URL'));
  return new Set(named.flatMap((name) => URL.parse(env[name] ?? '')?.host.replace(/^\[(.*)\]/, '$1') ?? []));
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
