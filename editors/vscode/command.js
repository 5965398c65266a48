// Which processes are the language server and the debugger; apart from VS Code, so that it can be tested without it.

"use strict";

/**
 * The command of the Python package.
 *
 * @param {string} command of the settings; a relative path with a folder in it is one in the workspace folder.
 * @param {string | undefined} folder of the workspace, if there is one.
 * @param {{isAbsolute: Function, join: Function, sep: string}} path module of the platform.
 */
function found(command, folder, path) {
  const hasFolder = command.includes("/") || command.includes(path.sep);
  return hasFolder && folder && !path.isAbsolute(command) ? path.join(folder, command) : command;
}

/**
 * The command and arguments of the language server.
 *
 * @param {string} command as for `found`.
 * @param {string[]} more arguments of the settings.
 * @param {string | undefined} folder as for `found`.
 * @param {object} path as for `found`.
 */
function serverCommand(command, more, folder, path) {
  return { command: found(command, folder, path), args: ["lsp", "--stdio", ...more] };
}

/** The command and arguments of the debugger; the parameters are those of `found`. */
function debuggerCommand(command, folder, path) {
  return { command: found(command, folder, path), args: ["debug", "--stdio"] };
}

/**
 * The configuration to debug with: for one that is empty, as without a launch.json, the file in the editor.
 *
 * @param {object} configuration as VS Code has it.
 * @param {{languageId: string, fileName: string} | undefined} file in the active editor.
 * @returns the configuration; undefined if there is nothing to debug.
 */
function debugConfiguration(configuration, file) {
  if (configuration.type || configuration.request) return configuration;
  if (file?.languageId !== "neuroscript") return undefined;
  return { type: "neuroscript", request: "launch", name: "Debug this program", program: file.fileName };
}

module.exports = { serverCommand, debuggerCommand, debugConfiguration };
