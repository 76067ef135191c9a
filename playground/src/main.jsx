// The explorer: GraphiQL pointed at the endpoint that the page names. Nothing is loaded from elsewhere.
import './workers.js';
import 'graphiql/style.css';
import './page.css';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

const root = document.getElementById('playground');
const endpoint = new URL(root.dataset.endpoint, window.location.href);

const fetcher = createGraphiQLFetcher({
  url: endpoint.href,
  subscriptionUrl: root.dataset.subscriptions === 'yes' ? endpoint.href.replace(/^http/, 'ws') : undefined,
  enableIncrementalDelivery: false,
});

// A link may bring an operation along: /?query=…&variables=…
const link = new URLSearchParams(window.location.search);

const welcome = `# ${endpoint.pathname}: write an operation, Ctrl-Enter runs it, Ctrl-Space completes.
# The book on the left opens the documentation.

{
  __typename
}
`;

createRoot(root).render(
  <GraphiQL
    fetcher={fetcher}
    defaultQuery={welcome}
    initialQuery={link.get('query') ?? undefined}
    initialVariables={link.get('variables') ?? undefined}
    // Several endpoints may be open on one host; their tabs must not mix.
    storage={namespaced(window.localStorage, endpoint.href)}
  >
    <GraphiQL.Logo>
      <span className="name">Ficus</span>
    </GraphiQL.Logo>
  </GraphiQL>,
);

/** A view of `storage` whose keys carry `prefix`. */
function namespaced(storage, prefix) {
  const own = () => Object.keys(storage).filter(key => key.startsWith(prefix));
  return {
    getItem: key => storage.getItem(prefix + key),
    setItem: (key, value) => storage.setItem(prefix + key, value),
    removeItem: key => storage.removeItem(prefix + key),
    clear: () => own().forEach(key => storage.removeItem(key)),
    get length() {
      return own().length;
    },
  };
}
