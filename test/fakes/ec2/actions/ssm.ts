import {
  AddTagsToResource$,
  DeleteParameter$,
  DeleteParameters$,
  DescribeParameters$,
  GetParameter$,
  GetParameters$,
  GetParametersByPath$,
  ListTagsForResource$,
  PutParameter$,
  RemoveTagsFromResource$,
} from '@aws-sdk/client-ssm';
import type {
  AddTagsToResourceRequest,
  DeleteParameterRequest,
  DeleteParametersRequest,
  DeleteParametersResult,
  DescribeParametersRequest,
  DescribeParametersResult,
  GetParameterRequest,
  GetParameterResult,
  GetParametersByPathRequest,
  GetParametersByPathResult,
  GetParametersRequest,
  GetParametersResult,
  ListTagsForResourceRequest,
  ListTagsForResourceResult,
  Parameter,
  ParameterStringFilter,
  PutParameterRequest,
  PutParameterResult,
  RemoveTagsFromResourceRequest,
} from '@aws-sdk/client-ssm';
import { page } from '../pages.ts';
import { refuse } from '../protocol/refusal.ts';
import type { ParameterStore, ParameterThing } from '../world/parameters.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';

export const SSM_ACTIONS: readonly Action[] = [
  action<GetParameterRequest>(GetParameter$, ['Name', 'WithDecryption'], getParameter),
  action<GetParametersRequest>(GetParameters$, ['Names', 'WithDecryption'], getParameters),
  action<GetParametersByPathRequest>(
    GetParametersByPath$,
    ['Path', 'Recursive', 'WithDecryption', 'MaxResults', 'NextToken'],
    getParametersByPath,
  ),
  action<DescribeParametersRequest>(DescribeParameters$, ['ParameterFilters', 'MaxResults', 'NextToken'], describeParameters),
  action<PutParameterRequest>(
    PutParameter$,
    ['Name', 'Value', 'Type', 'Description', 'KeyId', 'Overwrite', 'Tags', 'Tier', 'DataType'],
    putParameter,
  ),
  action<DeleteParameterRequest>(DeleteParameter$, ['Name'], deleteParameter),
  action<DeleteParametersRequest>(DeleteParameters$, ['Names'], deleteParameters),
  action<AddTagsToResourceRequest>(AddTagsToResource$, ['ResourceType', 'ResourceId', 'Tags'], addTags),
  action<RemoveTagsFromResourceRequest>(RemoveTagsFromResource$, ['ResourceType', 'ResourceId', 'TagKeys'], removeTags),
  action<ListTagsForResourceRequest>(ListTagsForResource$, ['ResourceType', 'ResourceId'], listTags),
];

const VALUE_BYTES = 4096;
const PAGE = 10;

function getParameter({ region }: Context, { Name: name = '', WithDecryption: open = false }: GetParameterRequest): GetParameterResult {
  return { Parameter: describe(region.parameters, region.parameters.must(name), open) };
}

function getParameters(
  { region }: Context,
  { Names: names = [], WithDecryption: open = false }: GetParametersRequest,
): GetParametersResult {
  if (names.length > 10)
    refuse('ValidationException', "Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 10");
  const found = names.flatMap((name) => region.parameters.get(name) ?? []);
  return {
    Parameters: found.map((parameter) => describe(region.parameters, parameter, open)),
    InvalidParameters: names.filter((name) => region.parameters.get(name) === undefined),
  };
}

function getParametersByPath({ region }: Context, input: GetParametersByPathRequest): GetParametersByPathResult {
  const { Path: path = '', Recursive: recursive = false, WithDecryption: open = false } = input;
  if (!path.startsWith('/'))
    refuse(
      'ValidationException',
      'The parameter doesn\'t meet the parameter name requirements. The parameter name must begin with a forward slash "/".',
    );
  const all = region.parameters.under(path, recursive).map((parameter, at) => ({ parameter, at }));
  const { items, ...next } = page(all, input, { of: 'GetParametersByPath', size: PAGE, least: 1, most: 10, position: ({ at }) => at });
  return { Parameters: items.map(({ parameter }) => describe(region.parameters, parameter, open)), ...next };
}

function describe(store: ParameterStore, parameter: ParameterThing, open: boolean): Parameter {
  return {
    Name: parameter.name,
    Type: parameter.type,
    Value: parameter.type === 'SecureString' && !open ? store.sealed(parameter) : parameter.value,
    Version: parameter.version,
    LastModifiedDate: new Date(parameter.modifiedAt),
    ARN: store.arn(parameter),
    DataType: 'text',
  };
}

function describeParameters({ region }: Context, input: DescribeParametersRequest): DescribeParametersResult {
  const tests = (input.ParameterFilters ?? []).map(testOf);
  const all = region.parameters
    .list()
    .filter((parameter) => tests.every((test) => test(parameter)))
    .map((parameter, at) => ({ parameter, at }));
  const { items, ...next } = page(all, input, { of: 'DescribeParameters', size: PAGE, least: 1, most: 50, position: ({ at }) => at });
  return {
    Parameters: items.map(({ parameter }) => ({
      Name: parameter.name,
      ARN: region.parameters.arn(parameter),
      Type: parameter.type,
      ...(parameter.keyId === undefined ? {} : { KeyId: parameter.keyId }),
      LastModifiedDate: new Date(parameter.modifiedAt),
      ...(parameter.description === undefined ? {} : { Description: parameter.description }),
      Version: parameter.version,
      Tier: 'Standard',
      DataType: 'text',
    })),
    ...next,
  };
}

function testOf({ Key: key = '', Option: option, Values: values = [] }: ParameterStringFilter): (parameter: ParameterThing) => boolean {
  if (key === 'Name' && option === 'BeginsWith') return ({ name }) => values.some((value) => name.startsWith(value));
  if (key === 'Name' && (option ?? 'Equals') === 'Equals') return ({ name }) => values.includes(name);
  if (key === 'Type') return ({ type }) => values.includes(type);
  if (key === 'Path') {
    return ({ name }) =>
      values.some((value) => name.startsWith(`${value}/`) && (option === 'Recursive' || !name.slice(value.length + 1).includes('/')));
  }
  if (key.startsWith('tag:')) {
    return ({ tags }) => {
      const held = tags.get(key.slice('tag:'.length));
      return held !== undefined && (values.length === 0 || values.includes(held));
    };
  }
  return refuse('InvalidFilterKey', `The specified filter key ${key} is not valid.`);
}

function putParameter({ region }: Context, input: PutParameterRequest): PutParameterResult {
  const { Name: name = '', Value: value = '', Type: type, KeyId: keyId } = input;
  const held = region.parameters.get(name);
  const kind = type ?? held?.type ?? refuse('ValidationException', 'A parameter type is required when you create a parameter.');
  if (!/^[\w./-]{1,1011}$/.test(name)) refuse('ValidationException', `Parameter name ${name} is not valid`);
  if (Buffer.byteLength(value) > VALUE_BYTES) {
    refuse(
      'ValidationException',
      'Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.',
    );
  }
  if (value === '')
    refuse('ValidationException', "Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1");
  if ((input.Tier ?? 'Standard') !== 'Standard' || (input.DataType ?? 'text') !== 'text') {
    refuse('ValidationException', 'Only text parameters of the standard tier are imitated');
  }
  const made = region.parameters.put(
    {
      name,
      type: kind,
      value,
      modifiedAt: region.world.now,
      description: input.Description,
      keyId: kind === 'SecureString' ? (keyId ?? 'alias/aws/ssm') : undefined,
      tags: new Map((input.Tags ?? []).map(({ Key: key = '', Value: of = '' }) => [key, of])),
    },
    input.Overwrite ?? false,
  );
  return { Version: made.version, Tier: 'Standard' };
}

function deleteParameter({ region }: Context, { Name: name = '' }: DeleteParameterRequest): object {
  if (!region.parameters.delete(name)) refuse('ParameterNotFound', `Parameter ${name} not found.`);
  return {};
}

/** Those that are not there are told of, and are no error. */
function deleteParameters({ region }: Context, { Names: names = [] }: DeleteParametersRequest): DeleteParametersResult {
  if (names.length > 10)
    refuse('ValidationException', "Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 10");
  const deleted = names.filter((name) => region.parameters.delete(name));
  return { DeletedParameters: deleted, InvalidParameters: names.filter((name) => !deleted.includes(name)) };
}

function addTags(context: Context, input: AddTagsToResourceRequest): object {
  const { tags } = taggedOf(context, input);
  const added = (input.Tags ?? []).map(({ Key: key = '', Value: value = '' }) => [key, value] as const);
  if (new Map([...tags, ...added]).size > 50) refuse('TooManyTagsError', 'The Targets parameter includes too many tags.');
  for (const [key, value] of added) tags.set(key, value);
  return {};
}

function removeTags(context: Context, input: RemoveTagsFromResourceRequest): object {
  const { tags } = taggedOf(context, input);
  for (const key of input.TagKeys ?? []) tags.delete(key);
  return {};
}

function listTags(context: Context, input: ListTagsForResourceRequest): ListTagsForResourceResult {
  return { TagList: [...taggedOf(context, input).tags].map(([Key, Value]) => ({ Key, Value })) };
}

function taggedOf({ region }: Context, { ResourceType: type, ResourceId: id = '' }: ListTagsForResourceRequest): ParameterThing {
  if (type !== 'Parameter') return refuse('InvalidResourceType', `The resource type ${type ?? ''} is not imitated`);
  return (
    region.parameters.get(id) ??
    refuse('InvalidResourceId', "The resource ID isn't valid. Verify that you entered the correct ID and try again.")
  );
}
