// Build the contracts with solc-js and write the artifacts that the Python package carries.
//
//   node build.mjs            write them
//   node build.mjs --check    compare with the committed ones; exit 1 on any difference
//
// The output depends on sources and pinned packages only: no metadata hash, no paths, no dates.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const HERE = dirname(fileURLToPath(import.meta.url));
const SHIPPED = join(HERE, "../src/interlock/ledgers/evm/artifacts");
const FOR_TESTS = join(HERE, "../tests/artifacts");

// Contract, source, folder of its artifact.
const CONTRACTS = [
  ["Vault", "src/Vault.sol", SHIPPED],
  ["TreasuryToken", "src/demo/TreasuryToken.sol", SHIPPED],
  ["KycRegistry", "src/demo/KycRegistry.sol", SHIPPED],
  ["PlainToken", "src/test/PlainToken.sol", FOR_TESTS],
  ["HostileToken", "src/test/HostileToken.sol", FOR_TESTS],
  ["SilentToken", "src/test/SilentToken.sol", FOR_TESTS],
  ["ContractWallet", "src/test/ContractWallet.sol", FOR_TESTS],
];

const SETTINGS = {
  // Transient storage and MCOPY need cancun; nothing newer is needed, so that older chains can carry the vault.
  evmVersion: "cancun",
  viaIR: true,
  optimizer: { enabled: true, runs: 1_000_000 },
  metadata: { bytecodeHash: "none" },
};

// Warns of transient storage that outlives a call; OpenZeppelin's guard clears its own, and nothing else uses it.
const TRANSIENT_STORAGE = "2394";

const read = (name) => readFileSync(join(HERE, name.startsWith("@") ? join("node_modules", name) : name), "utf8");

function compile() {
  const sources = Object.fromEntries(CONTRACTS.map(([, source]) => [source, { content: read(source) }]));
  const outputSelection = { "*": { "*": ["abi", "evm.bytecode.object"] } };
  const input = { language: "Solidity", sources, settings: { ...SETTINGS, outputSelection } };
  const findImport = (name) => {
    try {
      return { contents: read(name) };
    } catch (fault) {
      return { error: fault.message };
    }
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  const findings = (output.errors ?? []).filter(({ errorCode }) => errorCode !== TRANSIENT_STORAGE);
  for (const { formattedMessage } of findings) console.error(formattedMessage);
  if (findings.length > 0) process.exit(1); // a warning is an error
  return output.contracts;
}

function artifact(contracts, name, source) {
  const built = contracts[source][name];
  const document = {
    contract: name,
    source: `contracts/${source}`,
    compiler: `solc ${solc.version()}`,
    settings: SETTINGS,
    abi: built.abi,
    bytecode: `0x${built.evm.bytecode.object}`,
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function committed(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

const check = process.argv.includes("--check");
const contracts = compile();
let differences = 0;
for (const [name, source, folder] of CONTRACTS) {
  const path = join(folder, `${name}.json`);
  const shown = relative(join(HERE, ".."), path);
  const text = artifact(contracts, name, source);
  if (!check) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, text);
    console.log(`${shown}: ${(JSON.parse(text).bytecode.length - 2) / 2} bytes of init code`);
  } else if (committed(path) !== text) {
    differences += 1;
    console.error(`${shown} is not what its source builds to; run \`npm run build\` in contracts/ and commit it`);
  }
}
if (check && differences === 0) console.log(`${CONTRACTS.length} artifacts are what their sources build to`);
process.exit(differences === 0 ? 0 : 1);
