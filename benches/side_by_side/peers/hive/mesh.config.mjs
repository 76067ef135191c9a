// The graph as GraphQL Mesh composes it: a subgraph for each service, described by JSON Schema, and fields that lead from one to the
// next in batches (`keyField`, `keysArg`), as its documentation has it. run.sh composes supergraph.graphql of it.
import { loadJSONSchemaSubgraph } from '@omnigraph/json-schema';

const integer = { type: 'integer' };
const string = { type: 'string' };

const object = (title, properties) => ({ type: 'object', title, properties, required: Object.keys(properties), additionalProperties: false });
const list = (items) => ({ type: 'array', items });

const numbered = (name, count, type) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`${name}${String(at + 1).padStart(2, '0')}`, type]));

const post = object('Post', { id: integer, userId: integer, title: string });
const order = object('Order', { id: integer, total: integer, customerId: integer });
const product = object('Product', { id: integer, name: string, price: integer });
const profile = object('Profile', {
  ...numbered('text', 40, string),
  ...numbered('count', 12, integer),
  ...numbered('share', 4, { type: 'number' }),
  ...numbered('flag', 4, { type: 'boolean' }),
});
const rows = {
  users: object('User', { id: integer, name: string, email: string }),
  vendors: object('Vendor', { id: integer, name: string, city: string }),
  customers: object('Customer', { id: integer, name: string, accountId: integer }),
  accounts: object('Account', { id: integer, iban: string, branchId: integer }),
  branches: object('Branch', { id: integer, city: string, regionId: integer }),
  regions: object('Region', { id: integer, name: string }),
};

const query = (field, path, responseSchema, more = {}) => ({ type: 'Query', field, path, method: 'GET', responseSchema, ...more });

// `/users?id=1&id=2`
const byIds = (name) =>
  query(name, `/${name}`, list(rows[name]), {
    argTypeMap: { ids: { type: 'array', items: integer } },
    queryParamArgMap: { id: 'ids' },
  });

const service = (name, port, operations) => ({
  sourceHandler: loadJSONSchemaSubgraph(name, {
    endpoint: `http://127.0.0.1:${port}`,
    operationHeaders: { 'x-caller': "{context.headers['x-caller']}" },
    queryStringOptions: { indices: false, arrayFormat: 'repeat' },
    operations,
  }),
});

// A field whose row a service gives by the id beside it: `user` by `userId`.
const ledTo = (type, field, service, rows) => `
  extend type ${type} {
    ${field} @resolveTo(sourceName: "${service}", sourceTypeName: "Query", sourceFieldName: "${rows}", keyField: "${field.split(':')[0]}Id", keysArg: "ids")
  }`;

export const composeConfig = {
  subgraphs: [
    service('blog', 4280, [
      query('posts', '/posts', list(post)),
      query('orders', '/orders', list(order)),
      query('profiles', '/profiles', list(profile)),
      query('catalogue', '/catalogue', list(product)),
      query('rows', '/rows?count={args.count}', list(product), { argTypeMap: { count: integer } }),
      query('item', '/items/{args.id}', object('Item', { id: integer, name: string, price: integer, vendorId: integer }), {
        argTypeMap: { id: integer },
      }),
      byIds('users'),
      {
        type: 'Mutation',
        field: 'placeOrder',
        path: '/orders',
        method: 'POST',
        requestSchema: { ...object('OrderInput', { item: integer, quantity: integer, note: string }), required: ['item', 'quantity'] },
        responseSchema: object('Placed', { id: string, status: string, total: integer }),
      },
    ]),
    service('customers', 4281, [byIds('customers'), byIds('vendors')]),
    service('accounts', 4282, [byIds('accounts')]),
    service('branches', 4283, [byIds('branches')]),
    service('regions', 4284, [byIds('regions')]),
  ],
  additionalTypeDefs: [
    'extend type Query { hello: String! }',
    ledTo('Post', 'user: User', 'blog', 'users'),
    ledTo('Order', 'customer: Customer', 'customers', 'customers'),
    ledTo('Customer', 'account: Account', 'accounts', 'accounts'),
    ledTo('Account', 'branch: Branch', 'branches', 'branches'),
    ledTo('Branch', 'region: Region', 'regions', 'regions'),
    ledTo('Item', 'vendor: Vendor', 'customers', 'vendors'),
  ].join('\n'),
};
