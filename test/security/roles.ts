/** As much of IAM as the roles of a spin take: the EC2 double has none of it. */
import type { Answer } from '../fakes/moto/answers.ts';
import type { Call } from '../fakes/moto/call.ts';
import { errorAnswer } from '../fakes/moto/answers.ts';
import { escapeXml } from '../fakes/moto/xml.ts';

const ACCOUNT = '123456789012';
const NAMESPACE = 'https://iam.amazonaws.com/doc/2010-05-08/';

/** What answers IAM, with roles and profiles of its own; for tests that care for what is said, not for what IAM does. */
export function standInForIam(): (call: Call) => Answer {
  const roles = new Map<string, string>();
  const profiles = new Map<string, { readonly path: string; role?: string }>();

  const role = (name: string) => `<Role>${named('Role', name, roles.get(name) ?? '/')}</Role>`;
  const profile = (name: string) => {
    const { path = '/', role: held } = profiles.get(name) ?? {};
    const inside = held === undefined ? '' : `<member>${named('Role', held, roles.get(held) ?? '/')}</member>`;
    return `<InstanceProfile>${named('InstanceProfile', name, path)}<Roles>${inside}</Roles></InstanceProfile>`;
  };

  return (call) => {
    const { action, params } = call;
    const [roleName, profileName, path] = ['RoleName', 'InstanceProfileName', 'Path'].map((name) => params.get(name) ?? '') as [
      string,
      string,
      string,
    ];
    const missing = (profileName !== '' && !profiles.has(profileName)) || (roleName !== '' && !roles.has(roleName));
    if (missing && !action.startsWith('Create')) return errorAnswer(call, 404, 'NoSuchEntity', 'there is no such role or profile');
    switch (action) {
      case 'CreateRole':
        roles.set(roleName, path);
        return answer(action, role(roleName));
      case 'GetRole':
        return answer(action, role(roleName));
      case 'DeleteRole':
        roles.delete(roleName);
        return answer(action);
      case 'CreateInstanceProfile':
        profiles.set(profileName, { path });
        return answer(action, profile(profileName));
      case 'GetInstanceProfile':
        return answer(action, profile(profileName));
      case 'DeleteInstanceProfile':
        profiles.delete(profileName);
        return answer(action);
      case 'AddRoleToInstanceProfile':
      case 'RemoveRoleFromInstanceProfile': {
        const { path: at = '/' } = profiles.get(profileName) ?? {};
        profiles.set(profileName, { path: at, ...(action.startsWith('Add') ? { role: roleName } : {}) });
        return answer(action);
      }
      case 'PutRolePolicy':
      case 'DeleteRolePolicy':
        return answer(action);
      case 'ListRoles':
        return answer(
          action,
          `<IsTruncated>false</IsTruncated><Roles>${[...roles.keys()].map(role).join('').replaceAll('Role>', 'member>')}</Roles>`,
        );
      case 'ListInstanceProfiles': {
        const all = [...profiles.keys()].map(profile).join('').replaceAll('InstanceProfile>', 'member>');
        return answer(action, `<IsTruncated>false</IsTruncated><InstanceProfiles>${all}</InstanceProfiles>`);
      }
      default:
        return errorAnswer(call, 400, 'InvalidAction', `${action} is not imitated`);
    }
  };
}

function named(kind: 'Role' | 'InstanceProfile', name: string, path: string): string {
  const arn = `arn:aws:iam::${ACCOUNT}:${kind === 'Role' ? 'role' : 'instance-profile'}${path}${name}`;
  const fields = { Path: path, [`${kind}Name`]: name, [`${kind}Id`]: `AID${name}`, Arn: arn, CreateDate: '2026-01-01T00:00:00Z' };
  return Object.entries(fields)
    .map(([field, value]) => `<${field}>${escapeXml(value)}</${field}>`)
    .join('');
}

function answer(action: string, result = ''): Answer {
  const body = `<${action}Response xmlns="${NAMESPACE}"><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${action}Response>`;
  return { status: 200, headers: { 'content-type': 'text/xml' }, body: Buffer.from(body) };
}
