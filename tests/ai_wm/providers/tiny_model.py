"""A GGUF model of half a megabyte with random weights, the same ones every time, and llama.cpp's server with it."""

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
# As models that were trained for tools have it: JSON between marks, which llama.cpp reads and enforces.
_TOOL_TEMPLATE = (
    r"{% if tools %}{{ 'system: <tools>\n' }}{% for tool in tools %}{{ (tool | tojson) + '\n' }}{% endfor %}"
    r"{{ '</tools>\n' }}{% endif %}"
    r"{% for message in messages %}{{ message['role'] + ': ' }}"
    r"{% if message['content'] %}{{ message['content'] }}{% endif %}"
    r"{% if message.tool_calls %}{% for call in message.tool_calls %}"
    r"""{{ '<tool_call>{"name": "' + call.function.name + '", "arguments": ' }}"""
    r"{{ (call.function.arguments | tojson) + '}</tool_call>' }}"
    r"{% endfor %}{% endif %}{{ '\n' }}{% endfor %}"
    r"{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
_MARKS = ("<tool_call>", "</tool_call>")
_END = 2
_UNKNOWN, _CONTROL, _NORMAL, _USER_DEFINED, _BYTE = 2, 3, 1, 4, 6


def write(path: Path, seed: int = 7, *, calls_tools: bool = False) -> Path:
    """Writes the model to ``path``: a Llama of two layers that speaks a few English words in random order.

    Args:
        path: the file.
        seed: of the weights.
        calls_tools: whether the model rather begins a call of a tool than says a word; the rest of the call is what
            the engine lets it write.
    """
    import gguf
    import numpy as np

    pieces: list[tuple[str, float, int]] = [("<unk>", 0.0, _UNKNOWN), ("<s>", 0.0, _CONTROL), ("</s>", 0.0, _CONTROL)]
    pieces += [(f"<0x{byte:02X}>", 0.0, _BYTE) for byte in range(256)]
    first_word = len(pieces)
    pieces += [(f"\u2581{word}", -1.0 - rank, _NORMAL) for rank, word in enumerate(_WORDS)]
    pieces += [(char, -100.0 - ord(char), _NORMAL) for char in "\u2581abcdefghijklmnopqrstuvwxyz"]
    if calls_tools:
        pieces += [(mark, 0.0, _USER_DEFINED) for mark in _MARKS]
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
    writer.add_eos_token_id(_END)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_chat_template(_TOOL_TEMPLATE if calls_tools else _TEMPLATE)
    random = np.random.default_rng(seed)

    def weights(*shape: int) -> Any:
        return (random.standard_normal(shape) * 0.3).astype(np.float32)

    output = weights(size, _WIDTH)
    # Whole words only: neither stray bytes nor an early end.
    output[:first_word] = 0
    output[first_word + len(_WORDS) :] = 0
    embedding = weights(size, _WIDTH)
    if calls_tools:
        # Two parts that no layer changes: one stands in for the bias that a Llama does not have, and makes a call the
        # likeliest thing to begin; the other says that a call was the last thing, after which the reply ends.
        embedding[:, :2] = (8, 0)
        embedding[-1, 1] = 8
        output[:, :2] = 0
        output[-2:] = output[_END] = 0
        output[-2:, 0] = (100, 1)
        output[_END, 1] = 1000
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(_WIDTH, np.float32))
    writer.add_tensor("output.weight", output)
    for layer in range(_LAYERS):
        name = f"blk.{layer}."
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{name}{norm}.weight", np.ones(_WIDTH, np.float32))
        shapes = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (_WIDTH, _WIDTH))
        shapes |= {"ffn_gate": (_HIDDEN, _WIDTH), "ffn_up": (_HIDDEN, _WIDTH), "ffn_down": (_WIDTH, _HIDDEN)}
        for part, shape in shapes.items():
            matrix = weights(*shape)
            if calls_tools and part in ("attn_output", "ffn_down"):
                matrix[:2] = 0
            writer.add_tensor(f"{name}{part}.weight", matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def serve(path: Path, *, context: int, key: str, embeds: bool = False) -> Any:
    """Starts llama.cpp's server in this process; it ends when nobody holds what is returned.

    Args:
        path: the model.
        context: the tokens that each of its four slots holds.
        key: what a request must show.
        embeds: whether it gives embeddings (the mean of the tokens' vectors) in place of text.
    """
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_parallel = 4
    parameters.n_ctx = context * 4
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.warmup = False
    parameters.verbosity = -1
    parameters.api_keys = [key]
    if embeds:
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xllamacpp.Server(parameters)
