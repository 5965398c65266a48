"""What each error code means, in a sentence or two."""

from __future__ import annotations

from neuroscript.errors import ErrorCode

_E = ErrorCode

MEANINGS: dict[ErrorCode, str] = {
    _E.GENERIC: "A failure that no other code describes.",
    _E.FAIL_STATEMENT: "A `fail` statement was reached; the message is its value.",
    _E.PROC_NOT_FOUND: "There is no procedure of this name: it is misspelt, or its file is not loaded.",
    _E.TOOL_NOT_FOUND: "There is no tool of this name; `neuroscript tools` lists those there are.",
    _E.ARG_MISMATCH: "Arguments of a wrong number, type or value; the message shows the signature.",
    _E.MUST_FAILED: "What a `must` demands does not hold: its value is nil, false or otherwise falsy.",
    _E.INTERNAL: "A defect of the interpreter or of a tool. Please report it.",
    _E.TYPE: "A value of a type that the operator, the index or the loop does not take, nil above all.",
    _E.BOUNDS: "An index that is out of range. Indexes count from 0, and the last one is `len(x) - 1`.",
    _E.KEY_NOT_FOUND: "A name was read that is not set.",
    _E.SECURITY: "The policy of the host does not permit this.",
    _E.READ_ONLY: "What was to be changed can only be read.",
    _E.RETURN_VIOLATION: "A `return` where none may stand, or of a number of values other than `returns` declares.",
    _E.CLEAR_VIOLATION: "`clear_error` stands outside an error handler.",
    _E.DIVISION_BY_ZERO: "A division or a remainder by zero.",
    _E.SYNTAX: "The text is no program; the message says what was found, what was expected and what to write.",
    _E.LLM_ERROR: "The model or its provider failed, or gave a reply that cannot be used.",
    _E.EVALUATION: "An expression cannot be evaluated.",
    _E.CONFIGURATION: "Something is not set up: workers, a plugin, an answer to `promptuser`.",
    _E.PRECONDITION_FAILED: "The state of things forbids the operation, such as a folder that is not empty.",
    _E.RATE_LIMITED: "A rate limit of a worker or of its provider is reached.",
    _E.TOOL_EXECUTION_FAILED: "A tool failed while it ran; the cause says why.",
    _E.FILE_NOT_FOUND: "There is no such file or folder.",
    _E.PATH_TYPE_MISMATCH: "A folder where a file is wanted, or the other way round.",
    _E.PATH_EXISTS: "There is a file or folder of this name already.",
    _E.PERMISSION_DENIED: "The operating system refuses access to the file.",
    _E.IO_FAILED: "Reading or writing failed.",
    _E.UNKNOWN_KEYWORD: "A word that is no keyword stands where a statement begins.",
    _E.TIMEOUT: "A call took longer than it may.",
    _E.EXECUTION_FAILED: "A run failed for a reason outside of the program.",
    _E.PATH_VIOLATION: "A path leads out of the sandbox.",
    _E.NOT_IMPLEMENTED: "What was asked for is not available here.",
    _E.COUNT_MISMATCH: "A list has another number of items than the names that it is assigned to.",
    _E.RESOURCE_EXHAUSTION: "A limit of the host is reached. Error handlers cannot catch it.",
    _E.NESTING_DEPTH_EXCEEDED: "A program or a value is nested too deeply. Error handlers cannot catch it.",
    _E.CONTROL_FLOW: "`break` or `continue` outside a loop, or files that use one another in a circle.",
    _E.PROVIDER_NOT_FOUND: "There is no provider of models of this name.",
    _E.INVALID_VALUE: "A value of the right type that cannot be used: a number out of range, text that is no JSON.",
    _E.DUPLICATE: "There is a procedure, a tool or a definition of this name already.",
    _E.WRITE_VIOLATION: "A name of the host, or something frozen, cannot be set.",
    _E.CANCELLED: "The host cancelled the run. Error handlers cannot catch it.",
    _E.AUTHENTICATION: "The provider refuses the key, or there is none.",
    _E.BUDGET_EXCEEDED: "The call would cost more than the budget allows.",
    _E.CONTEXT_FULL: "The conversation is longer than the model can take.",
}
