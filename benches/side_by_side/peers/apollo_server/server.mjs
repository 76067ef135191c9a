// The graph on Apollo Server: a RESTDataSource for each service and a DataLoader for what is asked for by id, as its
// documentation has it, one set of them a request.
//   node server.mjs ADDRESS UPSTREAM…
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { RESTDataSource } from '@apollo/datasource-rest';
import DataLoader from 'dataloader';
import { types } from '../graph.mjs';

const [address, ...upstreams] = process.argv.slice(2);
const [host, port] = address.split(':');

class Service extends RESTDataSource {
  constructor(upstream, caller) {
    super();
    this.baseURL = `http://${upstream}/`;
    this.caller = caller;
    this.loaders = new Map();
  }

  willSendRequest(_path, request) {
    if (this.caller) request.headers['x-caller'] = this.caller;
  }

  list(path) {
    return this.get(path);
  }

  // One request for all ids that are asked for at once.
  one(path, id) {
    let loader = this.loaders.get(path);
    if (!loader) {
      const load = async (ids) => {
        const rows = await this.get(path, { params: new URLSearchParams(ids.map((id) => ['id', id])) });
        const found = new Map(rows.map((row) => [row.id, row]));
        return ids.map((id) => found.get(id) ?? null);
      };
      loader = new DataLoader(load, { maxBatchSize: 100 });
      this.loaders.set(path, loader);
    }
    return loader.load(id);
  }

  place(order) {
    return this.post('orders', { body: order });
  }
}

const service = (at) => (context) => context.services[at];
const [main, customers, accounts, branches, regions] = upstreams.map((_, at) => service(at));

const resolvers = {
  Query: {
    hello: () => 'world',
    posts: (_, __, context) => main(context).list('posts'),
    orders: (_, __, context) => main(context).list('orders'),
    profiles: (_, __, context) => main(context).list('profiles'),
    catalogue: (_, __, context) => main(context).list('catalogue'),
    rows: (_, { count }, context) => main(context).list(`rows?count=${count}`),
    articles: async (_, __, context) => {
      const { items } = await main(context).list('articles');
      return items.filter((article) => article.state === 'live');
    },
    item: (_, { id }, context) => main(context).list(`items/${id}`),
  },
  Mutation: { placeOrder: (_, { input }, context) => main(context).place(input) },
  Post: { user: (post, _, context) => main(context).one('users', post.userId) },
  Order: { customer: (order, _, context) => customers(context).one('customers', order.customerId) },
  Customer: { account: (customer, _, context) => accounts(context).one('accounts', customer.accountId) },
  Account: { branch: (account, _, context) => branches(context).one('branches', account.branchId) },
  Branch: { region: (branch, _, context) => regions(context).one('regions', branch.regionId) },
  Item: { vendor: (item, _, context) => customers(context).one('vendors', item.vendorId) },
  Article: {
    title: (article) => article.title.trim(),
    slug: (article) => article.tags.join('-'),
    lead: (article) => article.authors.find((author) => author.role === 'lead')?.name,
    firstTag: (article) => article.tags[0],
    names: (article) => article.authors.map((author) => author.name),
    short: (article) => article.summary.slice(0, 40),
    words: (article) => article.summary.split(' ').length,
    label: (article) => (article.state === 'live' ? 'On sale' : 'Draft'),
    total: (article) => article.cents * article.quantity,
  },
};

const server = new ApolloServer({ typeDefs: types, resolvers });
await startStandaloneServer(server, {
  listen: { host, port: Number(port) },
  context: async ({ req }) => ({
    services: upstreams.map((upstream) => new Service(upstream, req.headers['x-caller'])),
  }),
});
