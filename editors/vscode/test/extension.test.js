"use strict";

const assert = require("node:assert");
const Module = require("node:module");
const test = require("node:test");

/** Loads the extension with stand-ins for VS Code and the client, which note what is asked of them. */
function load(settings, fails) {
  const noted = { started: [], stopped: 0, shown: [], commands: {}, changed: undefined, debuggers: {}, providers: {} };
  class LanguageClient {
    constructor(id, name, server, options) {
      this.server = server;
      this.options = options;
    }
    async start() {
      if (fails) throw new Error("spawn neuroscript ENOENT");
      noted.started.push(this);
    }
    needsStop() {
      return !fails;
    }
    async stop() {
      noted.stopped += 1;
    }
  }
  const vscode = {
    workspace: {
      workspaceFolders: [{ uri: { fsPath: "/work" } }],
      getConfiguration: () => ({ get: (name) => settings[name] }),
      onDidChangeConfiguration: (changed) => {
        noted.changed = changed;
        return {};
      },
    },
    window: {
      showErrorMessage: async (message) => void noted.shown.push(message),
      activeTextEditor: { document: { languageId: "neuroscript", fileName: "/work/a.ns" } },
    },
    debug: {
      registerDebugAdapterDescriptorFactory: (type, factory) => void (noted.debuggers[type] = factory),
      registerDebugConfigurationProvider: (type, provider) => void (noted.providers[type] = provider),
    },
    DebugAdapterExecutable: class {
      constructor(command, args, options) {
        Object.assign(this, { command, args, options });
      }
    },
    commands: {
      registerCommand: (name, run) => {
        noted.commands[name] = run;
        return {};
      },
    },
  };
  const original = Module._load;
  Module._load = (name, ...rest) =>
    name === "vscode" ? vscode : name === "vscode-languageclient/node" ? { LanguageClient } : original(name, ...rest);
  try {
    delete require.cache[require.resolve("../extension")];
    return { extension: require("../extension"), noted };
  } finally {
    Module._load = original;
  }
}

const settings = { "server.command": ".venv/bin/neuroscript", "server.arguments": ["--lib", "lib"] };

test("it starts the server of the settings, restarts and stops it", async () => {
  const { extension, noted } = load(settings, false);
  await extension.activate({ subscriptions: [] });
  assert.deepStrictEqual(noted.started[0].server, {
    command: "/work/.venv/bin/neuroscript",
    args: ["lsp", "--stdio", "--lib", "lib"],
    options: { cwd: "/work" },
  });
  assert.ok(noted.started[0].options.documentSelector.every((each) => each.language === "neuroscript"));
  await noted.commands["neuroscript.restart"]();
  await noted.changed({ affectsConfiguration: (name) => name === "neuroscript.server" });
  await noted.changed({ affectsConfiguration: () => false });
  assert.strictEqual(noted.started.length, 3);
  await extension.deactivate();
  assert.strictEqual(noted.stopped, 3);
});

test("a server that does not start is told, with what to install", async () => {
  const { extension, noted } = load(settings, true);
  await extension.activate({ subscriptions: [] });
  assert.match(noted.shown[0], /pip install 'neuroscript\[lsp\]'/);
});

test("it starts the debugger of the settings, for the file in the editor unless another is named", async () => {
  const { extension, noted } = load(settings, false);
  await extension.activate({ subscriptions: [] });
  const session = { workspaceFolder: { uri: { fsPath: "/work" } } };
  const started = noted.debuggers.neuroscript.createDebugAdapterDescriptor(session);
  assert.deepStrictEqual({ ...started }, {
    command: "/work/.venv/bin/neuroscript",
    args: ["debug", "--stdio"],
    options: { cwd: "/work" },
  });
  const { resolveDebugConfiguration } = noted.providers.neuroscript;
  assert.strictEqual(resolveDebugConfiguration(undefined, {}).program, "/work/a.ns");
  const own = { type: "neuroscript", request: "launch", program: "/other.ns" };
  assert.strictEqual(resolveDebugConfiguration(undefined, own), own);
});
