"""The dictionary that forgets what was not used for longest."""

from __future__ import annotations

from collections import OrderedDict
from threading import Thread

from hypothesis import given
from hypothesis import strategies as st

from ai_wm.support.recent import Recent

STEPS = st.lists(st.tuples(st.sampled_from(["get", "put"]), st.integers(0, 6)), max_size=60)


@given(most=st.integers(1, 4), steps=STEPS)
def test_what_was_used_last_is_kept(most: int, steps: list[tuple[str, int]]) -> None:
    recent: Recent[int, str] = Recent(most)
    used: OrderedDict[int, str] = OrderedDict()
    for number, (step, key) in enumerate(steps):
        if step == "put":
            recent.put(key, str(number))
            used.pop(key, None)
            used[key] = str(number)
            for old in list(used)[:-most]:
                del used[old]
        else:
            assert recent.get(key) == used.get(key)
            if key in used:
                used.move_to_end(key)
    assert len(recent) == len(used)


def test_many_threads_may_use_it() -> None:
    recent: Recent[int, int] = Recent(10)
    wrong: list[object] = []

    def work(start: int) -> None:
        for number in range(start, start + 3000):
            key = number % 50
            recent.put(key, key)
            found = recent.get(key)
            if found not in (key, None):
                wrong.append(found)

    threads = [Thread(target=work, args=(7 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(recent) == 10
    recent.clear()
    assert recent.get(1) is None
