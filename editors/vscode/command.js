// Which process is the language server; apart from VS Code, so that it can be tested without it.

"use strict";

/**
 * The command and arguments of the language server.
 *
 * @param {string} command of the settings; a relative path with a folder in it is one in the workspace folder.
 * @param {string[]} more arguments of the settings.
 * @param {string | undefined} folder of the workspace, if there is one.
 * @param {{isAbsolute: Function, join: Function, sep: string}} path module of the platform.
 */
function serverCommand(command, more, folder, path) {
  const hasFolder = command.includes("/") || command.includes(path.sep);
  const found = hasFolder && folder && !path.isAbsolute(command) ? path.join(folder, command) : command;
  return { command: found, args: ["lsp", "--stdio", ...more] };
}

module.exports = { serverCommand };
