// As it is by default, but for the constant field, and what it would tell or look up elsewhere.
export const gatewayConfig = {
  additionalResolvers: { Query: { hello: () => 'world' } },
  pollingInterval: 0,
  graphiql: false,
  landingPage: false,
  logging: 'error',
};
