// Times @azure/msal-node: a cached call, and a miss whose transport answers at once. Prints JSON, times in nanoseconds.
"use strict";

const msal = require("@azure/msal-node");
const { version } = require("@azure/msal-node/package.json");

const samples = Number(process.argv[2]);
const sizes = process.argv[3].split(",").map(Number);
const tenant = "22222222-2222-2222-2222-222222222222";
const authority = `https://login.microsoftonline.com/${tenant}`;
const token = "x".repeat(1800);

// What would be asked of the network about the authority.
const authorityMetadata = JSON.stringify({
  token_endpoint: `${authority}/oauth2/v2.0/token`,
  authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
  end_session_endpoint: `${authority}/oauth2/v2.0/logout`,
  issuer: `${authority}/v2.0`,
  jwks_uri: `${authority}/discovery/v2.0/keys`,
});
const cloudDiscoveryMetadata = JSON.stringify({
  tenant_discovery_endpoint: `${authority}/v2.0/.well-known/openid-configuration`,
  "api-version": "1.1",
  metadata: [{
    preferred_network: "login.microsoftonline.com",
    preferred_cache: "login.windows.net",
    aliases: ["login.microsoftonline.com", "login.windows.net"],
  }],
});

function client(lives) {
  const answer = { headers: {}, status: 200, body: { token_type: "Bearer", expires_in: lives, access_token: token } };
  const networkClient = { sendGetRequestAsync: async () => answer, sendPostRequestAsync: async () => answer };
  return new msal.ConfidentialClientApplication({
    auth: {
      clientId: "11111111-1111-1111-1111-111111111111",
      clientSecret: "a secret",
      authority,
      authorityMetadata,
      cloudDiscoveryMetadata,
    },
    system: { networkClient },
  });
}

async function median(call) {
  let times = 1;
  const batch = async () => {
    const begin = process.hrtime.bigint();
    for (let number = 0; number < times; number += 1) await call(number);
    return Number(process.hrtime.bigint() - begin);
  };
  while ((await batch()) < 20_000_000) times *= 2;
  const taken = [];
  for (let sample = 0; sample < samples; sample += 1) taken.push((await batch()) / times);
  return taken.sort((a, b) => a - b)[Math.floor(taken.length / 2)];
}

async function cached(size) {
  const application = client(86_400);
  // The first call asks about the authority; what it leaves in the cache is the pattern of the other entries.
  const scope = (number) => `https://resource${number}.example/.default`;
  await application.acquireTokenByClientCredential({ scopes: [scope(0)] });
  const cache = JSON.parse(application.getTokenCache().serialize());
  const [[key, entry]] = Object.entries(cache.AccessToken);
  for (let number = 1; number < size; number += 1) {
    const named = (text) => text.replaceAll("resource0", `resource${number}`);
    cache.AccessToken[named(key)] = { ...entry, target: named(entry.target) };
  }
  application.getTokenCache().deserialize(JSON.stringify(cache));
  return median(async (number) => {
    const result = await application.acquireTokenByClientCredential({ scopes: [scope((number * 7919) % size)] });
    if (!result.fromCache) throw new Error("not from the cache");
  });
}

async function miss() {
  const application = client(60);
  return median(async () => {
    const result = await application.acquireTokenByClientCredential({ scopes: ["https://vault.azure.net/.default"] });
    if (result.fromCache) throw new Error("from the cache");
  });
}

(async () => {
  const found = { version, cached: [] };
  for (const size of sizes) found.cached.push([size, await cached(size)]);
  found.miss = await miss();
  console.log(JSON.stringify(found));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
