/* Finds the newlines that end statements: where none can end, a newline is white space.
   Made by `python -m neuroscript.highlighting.generate`; do not edit. */

#include "tree_sitter/parser.h"

enum TokenType { NEWLINE };

void *tree_sitter_neuroscript_external_scanner_create(void) { return 0; }

void tree_sitter_neuroscript_external_scanner_destroy(void *payload) { (void)payload; }

unsigned tree_sitter_neuroscript_external_scanner_serialize(void *payload, char *buffer) {
  (void)payload;
  (void)buffer;
  return 0;
}

void tree_sitter_neuroscript_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  (void)payload;
  (void)buffer;
  (void)length;
}

bool tree_sitter_neuroscript_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid_symbols) {
  (void)payload;
  if (!valid_symbols[NEWLINE]) return false;
  while (lexer->lookahead == ' ' || lexer->lookahead == '\t' || lexer->lookahead == '\f') lexer->advance(lexer, true);
  /* The last line needs no newline. */
  if (lexer->eof(lexer)) {
    lexer->mark_end(lexer);
    lexer->result_symbol = NEWLINE;
    return true;
  }
  if (lexer->lookahead != '\r' && lexer->lookahead != '\n') return false;
  while (lexer->lookahead == '\r' || lexer->lookahead == '\n') lexer->advance(lexer, false);
  lexer->mark_end(lexer);
  lexer->result_symbol = NEWLINE;
  return true;
}
