"""A GGUF model of half a megabyte with random weights, the same ones every time, for tests against real engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_WORDS = (
    *("the", "of", "and", "to", "in", "is", "it", "you", "that", "he", "was", "for", "on", "are", "with", "as"),
    *("his", "they", "be", "at", "one", "have", "this", "from", "hello", "world"),
)
_WIDTH, _HIDDEN, _LAYERS, _HEADS, _CONTEXT = 64, 128, 2, 4, 4096
_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
_UNKNOWN, _CONTROL, _NORMAL, _BYTE = 2, 3, 1, 6


def write(path: Path, seed: int = 7) -> Path:
    """Writes the model to ``path``: a Llama of two layers that speaks a few English words in random order."""
    import gguf
    import numpy as np

    pieces: list[tuple[str, float, int]] = [("<unk>", 0.0, _UNKNOWN), ("<s>", 0.0, _CONTROL), ("</s>", 0.0, _CONTROL)]
    pieces += [(f"<0x{byte:02X}>", 0.0, _BYTE) for byte in range(256)]
    first_word = len(pieces)
    pieces += [(f"\u2581{word}", -1.0 - rank, _NORMAL) for rank, word in enumerate(_WORDS)]
    pieces += [(char, -100.0 - ord(char), _NORMAL) for char in "\u2581abcdefghijklmnopqrstuvwxyz"]
    size = len(pieces)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-random")
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(size)
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text.encode() for text, _, _ in pieces])
    writer.add_token_scores([score for _, score, _ in pieces])
    writer.add_token_types([kind for _, _, kind in pieces])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_chat_template(_TEMPLATE)
    random = np.random.default_rng(seed)

    def weights(*shape: int) -> Any:
        return (random.standard_normal(shape) * 0.3).astype(np.float32)

    output = weights(size, _WIDTH)
    # Whole words only: neither stray bytes nor an early end.
    output[:first_word] = 0
    output[first_word + len(_WORDS) :] = 0
    writer.add_tensor("token_embd.weight", weights(size, _WIDTH))
    writer.add_tensor("output_norm.weight", np.ones(_WIDTH, np.float32))
    writer.add_tensor("output.weight", output)
    for layer in range(_LAYERS):
        name = f"blk.{layer}."
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{name}{norm}.weight", np.ones(_WIDTH, np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{name}{part}.weight", weights(_WIDTH, _WIDTH))
        writer.add_tensor(f"{name}ffn_gate.weight", weights(_HIDDEN, _WIDTH))
        writer.add_tensor(f"{name}ffn_up.weight", weights(_HIDDEN, _WIDTH))
        writer.add_tensor(f"{name}ffn_down.weight", weights(_WIDTH, _HIDDEN))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
