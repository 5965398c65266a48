// Starts `neuroscript lsp` and `neuroscript debug`, and connects VS Code with them.

"use strict";

const path = require("path");
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { debugConfiguration, debuggerCommand, serverCommand } = require("./command");

let client;

async function start() {
  const settings = vscode.workspace.getConfiguration("neuroscript");
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const { command, args } = serverCommand(
    settings.get("server.command"),
    settings.get("server.arguments"),
    folder,
    path,
  );
  client = new LanguageClient(
    "neuroscript",
    "NeuroScript",
    { command, args, options: { cwd: folder } },
    { documentSelector: [{ language: "neuroscript", scheme: "file" }, { language: "neuroscript", scheme: "untitled" }] },
  );
  try {
    await client.start();
  } catch (error) {
    const choice = await vscode.window.showErrorMessage(
      `The language server of NeuroScript does not start: ${error.message}. ` +
        "Is it installed? pip install 'neuroscript[lsp]'",
      "Open Settings",
    );
    if (choice) await vscode.commands.executeCommand("workbench.action.openSettings", "neuroscript.server");
  }
}

async function stop() {
  const ended = client;
  client = undefined;
  if (ended?.needsStop()) await ended.stop();
}

function debugAdapter(session) {
  const settings = vscode.workspace.getConfiguration("neuroscript");
  const folder = session.workspaceFolder?.uri.fsPath;
  const { command, args } = debuggerCommand(settings.get("server.command"), folder, path);
  return new vscode.DebugAdapterExecutable(command, args, { cwd: folder });
}

async function activate(context) {
  const restart = async () => {
    await stop();
    await start();
  };
  context.subscriptions.push(
    vscode.debug.registerDebugAdapterDescriptorFactory("neuroscript", { createDebugAdapterDescriptor: debugAdapter }),
    vscode.debug.registerDebugConfigurationProvider("neuroscript", {
      resolveDebugConfiguration: (_, configuration) =>
        debugConfiguration(configuration, vscode.window.activeTextEditor?.document),
    }),
    vscode.commands.registerCommand("neuroscript.restart", restart),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration("neuroscript.server")) await restart();
    }),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
