import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import type { BenchFolder } from '../bench-folder.ts';
import type { BenchCommand } from '../command.ts';
import { spin } from '../spin.ts';
import { type Base, type Ground, REGION, TYPE } from './ground.ts';

/** A tool that brings instances up and ends them. */
export interface AwsContender {
  readonly name: string;
  /** So slow that a few rounds must do. */
  readonly slow?: true;
  /** Writes what its commands read, before anything is timed. */
  prepare(count: number, base: Base): Promise<{ readonly up: BenchCommand; readonly down: BenchCommand }>;
}

/** One service of so many instances, to which nobody needs to connect: what an emulator gives as an address belongs to somebody else. */
export function spinContender(folder: BenchFolder, ground: Ground): AwsContender {
  return {
    name: 'spin',
    async prepare(count, { image }) {
      const id = `bench-${count}`;
      const web = {
        run: ['sleep', 'infinity'],
        replicas: count,
        port: 'none',
        health: { alive: '1ms' },
        instanceTypes: [TYPE],
        image,
      };
      const file = join(folder.work, `${id}.yaml`);
      // JSON is YAML.
      await writeFile(file, JSON.stringify({ name: id, provider: 'aws', region: REGION, ttl: '1h', services: { web } }));
      return { up: spin(folder, ['up', '-f', file], ground.env), down: spin(folder, ['down', id, '--yes'], ground.env) };
    },
  };
}

/** Bundled, with no more of the SDK than it calls and its compiled code kept, so that nothing could start sooner. */
export async function rawContender(folder: BenchFolder, ground: Ground): Promise<AwsContender> {
  const program = join(folder.root, 'raw.cjs');
  // The SDK's ES modules, because its CommonJS comes whole: with the shapes of all 765 calls of EC2.
  const resolve = { mainFields: ['module', 'main'] };
  const bundle = await rolldown({ input: join(import.meta.dirname, 'raw.ts'), platform: 'node', resolve, logLevel: 'silent' });
  await bundle.write({ file: program, format: 'cjs', minify: { compress: true, mangle: false, codegen: true }, codeSplitting: false });
  await bundle.close();
  const env = { ...folder.env, ...ground.env, NODE_COMPILE_CACHE: join(folder.root, 'raw-cache') };
  return {
    name: 'raw minimum',
    async prepare(count, { image, subnet }) {
      const command = (verb: string): BenchCommand => ({
        argv: [process.execPath, program, verb, String(count), join(folder.root, 'raw.json')],
        cwd: folder.work,
        env: { ...env, RAW_IMAGE: image, RAW_SUBNET: subnet },
      });
      return { up: command('up'), down: command('down') };
    },
  };
}

const CLI_UP = `
set -e
group=$(aws ec2 create-security-group --group-name cli --description cli --query GroupId --output text)
aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 10.0.0.0/8 >/dev/null
ids=$(aws ec2 run-instances --image-id "$IMAGE" --instance-type "$TYPE" --count "$1" --security-group-ids "$group" \\
  --tag-specifications 'ResourceType=instance,Tags=[{Key=bench,Value=cli}]' --query 'Instances[].InstanceId' --output text)
aws ec2 wait instance-running --instance-ids $ids
echo "$group $ids" >"$2"
`;

const CLI_DOWN = `
set -e
read -r group ids <"$2"
aws ec2 terminate-instances --instance-ids $ids >/dev/null
aws ec2 wait instance-terminated --instance-ids $ids
aws ec2 delete-security-group --group-id "$group" >/dev/null
`;

/** The script that one would write first: it waits as the AWS CLI waits, every 15 s. */
export function cliContender(folder: BenchFolder, ground: Ground): AwsContender {
  const own = join(folder.root, 'cli');
  const env = { ...folder.env, ...ground.env, TYPE };
  return {
    name: 'AWS CLI script',
    slow: true,
    async prepare(count, { image }) {
      await mkdir(own, { recursive: true });
      await Promise.all([writeFile(join(own, 'up.sh'), CLI_UP), writeFile(join(own, 'down.sh'), CLI_DOWN)]);
      const command = (script: string): BenchCommand => ({
        argv: ['bash', join(own, script), String(count), join(own, 'made')],
        cwd: folder.work,
        env: { ...env, IMAGE: image },
      });
      return { up: command('up.sh'), down: command('down.sh') };
    },
  };
}
