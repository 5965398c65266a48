"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const test = require("node:test");

const root = path.join(__dirname, "..");
const read = (name) => JSON.parse(fs.readFileSync(path.join(root, name), "utf8"));
const manifest = read("package.json");
const { debugConfiguration, serverCommand } = require("../command");

test("every file that the manifest names is there", () => {
  const { languages, grammars } = manifest.contributes;
  const names = [manifest.main, ...languages.map((each) => each.configuration), ...grammars.map((each) => each.path)];
  for (const name of names) assert.ok(fs.existsSync(path.join(root, name)), name);
});

test("the grammar is the one of the manifest's scope", () => {
  const [grammar] = manifest.contributes.grammars;
  assert.strictEqual(read(grammar.path).scopeName, grammar.scopeName);
});

test("a folder that is not trusted cannot say which command is started", () => {
  const { supported, restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
  assert.strictEqual(supported, "limited");
  const settings = Object.keys(manifest.contributes.configuration.properties);
  const server = settings.filter((name) => name.startsWith("neuroscript.server."));
  assert.deepStrictEqual(restrictedConfigurations, server);
});

test("the command is looked for where the settings say", () => {
  const found = (command, folder) => serverCommand(command, [], folder, path.posix).command;
  assert.strictEqual(found("neuroscript", "/work"), "neuroscript");
  assert.strictEqual(found(".venv/bin/neuroscript", "/work"), "/work/.venv/bin/neuroscript");
  assert.strictEqual(found("/opt/bin/neuroscript", "/work"), "/opt/bin/neuroscript");
  assert.strictEqual(found(".venv/bin/neuroscript", undefined), ".venv/bin/neuroscript");
  assert.deepStrictEqual(serverCommand("x", ["--lib", "lib"], "/work", path.posix).args, [
    "lsp", "--stdio", "--lib", "lib",
  ]);
});

test("lines that open and end blocks are indented", () => {
  const { indentationRules } = read("language-configuration.json");
  const opens = new RegExp(indentationRules.increaseIndentPattern);
  const ends = new RegExp(indentationRules.decreaseIndentPattern);
  const headers = ["func f(needs a) means", "command", "  if a == 1", "else", "else if b", "while x # note",
    "for each x in xs", "on error do", 'on event "x" as e do', "on_error means"];
  for (const line of headers) assert.ok(opens.test(line), line);
  for (const line of ["set command = 1", "emit x", "endif", "set iffy = 2", "func f(needs a)"])
    assert.ok(!opens.test(line), line);
  for (const line of ["endfunc", "  endif", "else", "endon"]) assert.ok(ends.test(line), line);
  for (const line of ["set endif_count = 1", "elsewhere"]) assert.ok(!ends.test(line), line);
});

test("programs of the language can be debugged", () => {
  const [debuggers] = manifest.contributes.debuggers;
  assert.deepStrictEqual(manifest.contributes.breakpoints, [{ language: debuggers.type }]);
  const known = Object.keys(debuggers.configurationAttributes.launch.properties);
  const common = ["type", "request", "name"];
  for (const given of [...debuggers.initialConfigurations, ...debuggers.configurationSnippets.map((one) => one.body)])
    assert.ok(Object.keys(given).every((name) => known.includes(name) || common.includes(name)));
  assert.strictEqual(debugConfiguration({}, { languageId: "markdown", fileName: "a.md" }), undefined);
  assert.strictEqual(debugConfiguration({}, undefined), undefined);
});
