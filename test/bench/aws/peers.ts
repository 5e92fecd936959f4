import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programOnPath } from '../../fakes/moto/server.ts';
import type { BenchFolder } from '../bench-folder.ts';
import { type BenchCommand, BenchFailure, run } from '../command.ts';
import { type AwsContender, cliContender } from './contenders.ts';
import { type Ground, REGION, TYPE } from './ground.ts';

/** Tools that one would take instead of spin. */
export interface Peers {
  readonly there: readonly AwsContender[];
  /** Why the others are left out. */
  readonly absent: readonly string[];
}

/** Finds what is installed. Nothing is downloaded. */
export async function findPeers(folder: BenchFolder, ground: Ground): Promise<Peers> {
  const found = await Promise.all([findCli(folder, ground), findAnsible(folder, ground), findTerraform(folder, ground), findCdk()]);
  return {
    there: found.filter((peer) => typeof peer !== 'string'),
    absent: found.filter((peer) => typeof peer === 'string'),
  };
}

async function findCli(folder: BenchFolder, ground: Ground): Promise<AwsContender | string> {
  return programOnPath('aws') === undefined ? 'AWS CLI: no aws on PATH' : cliContender(folder, ground);
}

const PLAYBOOK = `
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - amazon.aws.ec2_security_group:
        name: ansible
        description: ansible
        state: present
        rules: [{ proto: tcp, ports: [80], cidr_ip: 10.0.0.0/8 }]
      register: group
      when: verb == 'up'
    - amazon.aws.ec2_instance:
        state: "{{ 'running' if verb == 'up' else 'absent' }}"
        filters: { 'tag:bench': ansible, instance-state-name: [pending, running] }
        exact_count: "{{ count if verb == 'up' else omit }}"
        image_id: "{{ image if verb == 'up' else omit }}"
        instance_type: "{{ type if verb == 'up' else omit }}"
        security_group: "{{ group.group_id if verb == 'up' else omit }}"
        tags: { bench: ansible }
        wait: true
    - amazon.aws.ec2_security_group:
        name: ansible
        state: absent
      when: verb == 'down'
`;

async function findAnsible(folder: BenchFolder, ground: Ground): Promise<AwsContender | string> {
  const [playbook, galaxy] = [programOnPath('ansible-playbook'), programOnPath('ansible-galaxy')];
  if (playbook === undefined || galaxy === undefined) return 'Ansible: no ansible-playbook on PATH';
  const env = { ...folder.env, ...ground.env };
  const collections = await outputOf({ argv: [galaxy, 'collection', 'list', 'amazon.aws'], cwd: folder.work, env });
  if (!collections.includes('amazon.aws')) return 'Ansible: without the collection amazon.aws';
  const file = join(folder.root, 'ansible.yaml');
  await writeFile(file, PLAYBOOK);
  return {
    name: 'Ansible',
    slow: true,
    async prepare(count, { image }) {
      const command = (verb: string): BenchCommand => {
        const variables = JSON.stringify({ verb, count, image, type: TYPE });
        return { argv: [playbook, '-i', 'localhost,', '-e', variables, file], cwd: folder.work, env };
      };
      return { up: command('up'), down: command('down') };
    },
  };
}

const MODULE = `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region                      = "${REGION}"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
variable "size" { type = number }
variable "image" { type = string }
resource "aws_security_group" "bench" {
  name = "terraform"
  ingress {
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = ["10.0.0.0/8"]
  }
}
resource "aws_instance" "bench" {
  count                  = var.size
  ami                    = var.image
  instance_type          = "${TYPE}"
  vpc_security_group_ids = [aws_security_group.bench.id]
  tags                   = { bench = "terraform" }
}
`;

async function findTerraform(folder: BenchFolder, ground: Ground): Promise<AwsContender | string> {
  const terraform = programOnPath('terraform');
  if (terraform === undefined) return 'Terraform: no terraform on PATH';
  const mirror = terraformMirror(process.env);
  if (mirror === undefined) return 'Terraform: no mirror with the AWS provider is configured, and nothing is downloaded';
  const own = join(folder.root, 'terraform');
  await mkdir(own);
  await writeFile(join(own, 'main.tf'), MODULE);
  const env = { ...folder.env, ...ground.env, CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' };
  await run({ argv: [terraform, 'init', '-input=false', `-plugin-dir=${mirror}`], cwd: own, env });
  return {
    name: 'Terraform',
    slow: true,
    async prepare(count, { image }) {
      const command = (verb: string): BenchCommand => ({
        argv: [terraform, verb, '-input=false', '-auto-approve', `-var=size=${count}`, `-var=image=${image}`],
        cwd: own,
        env,
      });
      return { up: command('apply'), down: command('destroy') };
    },
  };
}

/** A folder that Terraform would take plugins from by itself and that holds the AWS provider. */
function terraformMirror(env: NodeJS.ProcessEnv): string | undefined {
  const home = env['HOME'] ?? '/';
  const config = env['TF_CLI_CONFIG_FILE'] ?? join(home, '.terraformrc');
  const text = existsSync(config) ? readFileSync(config, 'utf8') : '';
  const named = /filesystem_mirror\s*\{[^}]*?path\s*=\s*"([^"]+)"/.exec(text)?.[1];
  const usual = [join(home, '.terraform.d/plugins'), '/usr/local/share/terraform/plugins', '/usr/share/terraform/plugins'];
  return [...(named === undefined ? [] : [named]), ...usual].find((folder) =>
    existsSync(join(folder, 'registry.terraform.io/hashicorp/aws')),
  );
}

/** The CDK makes its instances through CloudFormation, which moto carries out inside itself: past the proxy, and so past all that is measured here. */
async function findCdk(): Promise<string> {
  const there = programOnPath('cdk') === undefined ? 'no cdk on PATH; ' : '';
  return `CDK: ${there}its instances are made by CloudFormation inside moto, at once and past the proxy, so that its times would be of itself alone`;
}

async function outputOf(command: BenchCommand): Promise<string> {
  try {
    return (await run(command)).stdout;
  } catch (thrown) {
    if (thrown instanceof BenchFailure) return '';
    throw thrown;
  }
}
