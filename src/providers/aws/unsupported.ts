import type { AwsSettings } from '../../spec/config.ts';
import type { Tags } from '../../core/tags.ts';
import type { ServiceSpec, Spec } from '../../spec/spec.ts';
import { MOST_VOLUMES } from './instances/devices.ts';
import { unsupportedDatabases, unsupportedVolumes } from './data/sources.ts';

/** A resource has 50 tags at most, and spin puts these on: Name, id, incarnation, resource, state, owner, deadline, ordinals, orphan-since. */
const MOST_TAGS = 50 - 9;
const MOST_KEY = 128;
const MOST_VALUE = 256;
/**
 * What a tag may be called that an instance can read from its own metadata:
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
 */
const KEY = /^[A-Za-z0-9+\-=.,_:@]+$/;
const NO_KEY = new Set(['.', '..', '_index']);
/** What every service of AWS takes in a tag's value. */
const VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** What of a spec AWS cannot do, one line each. Pure. */
export function unsupported(spec: Spec, settings: AwsSettings): readonly string[] {
  return [
    ...unsupportedTags(spec.tags),
    ...unsupportedVolumes(spec.volumes),
    ...unsupportedDatabases(spec.databases),
    ...Object.values(spec.services).flatMap((service) => unsupportedService(service, settings)),
  ];
}

function unsupportedTags(tags: Tags): readonly string[] {
  const entries = Object.entries(tags);
  const tooMany = entries.length > MOST_TAGS ? [`tags: AWS has room for ${MOST_TAGS} beside those of spin, not ${entries.length}`] : [];
  return [
    ...tooMany,
    ...entries.flatMap(([key, value]) => {
      if (/^aws:/i.test(key)) return [`tags.${key}: AWS keeps names that begin with aws: for itself`];
      if (key.length > MOST_KEY || NO_KEY.has(key) || !KEY.test(key)) {
        return [`tags.${key}: the name of a tag on AWS is of letters, digits and + - = . , _ : @, up to ${MOST_KEY}`];
      }
      if (value.length > MOST_VALUE || !VALUE.test(value)) {
        return [
          `tags.${key}: ${JSON.stringify(value)} is no value of a tag on AWS: letters, digits, spaces and + - = . _ : / @, up to ${MOST_VALUE}`,
        ];
      }
      return [];
    }),
  ];
}

function unsupportedService(service: ServiceSpec, settings: AwsSettings): readonly string[] {
  const { name, expose, health, port, volumes, replicas } = service;
  const lines: string[] = [];
  const dialled = health.probe.type === 'http' || health.probe.type === 'tcp';
  const entered = (expose !== undefined && settings.listener === undefined) || settings.checkFrom.length > 0;
  if (dialled && !service.job && !entered) {
    lines.push(
      `services.${name}: its ${health.probe.type} check is made from here, and its firewall lets nobody in: set aws.checkFrom to the address range of whoever runs spin, or check it with health.command, which runs on the instance`,
    );
  }
  if (expose !== undefined && expose.port !== 'auto' && expose.port !== port) {
    lines.push(
      `services.${name}.expose.port: there is no router on AWS; a service is reached at its own port, or behind the listener of aws.listener`,
    );
  }
  if (volumes.length > MOST_VOLUMES) lines.push(`services.${name}: an instance takes ${MOST_VOLUMES} volumes, not ${volumes.length}`);
  if (volumes.length > 0 && replicas > 1) lines.push(`services.${name}: a disk is attached to one instance, and ${replicas} are wanted`);
  return lines;
}
