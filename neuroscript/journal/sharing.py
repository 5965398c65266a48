"""Shares the budget of a run with the jobs that it starts, which run in other interpreters and processes.

Whoever submits a job calls `share_budget`, and keeps the map that it gives with the job::

    payload["budget"] = share_budget(ctx, journal)  # None: the run has no limits

Whoever does the job, in whatever process, makes its interpreter with that map as a service, and runs it as a journaled
run in the same journal::

    services = {} if payload["budget"] is None else {"run_budget": payload["budget"]}
    interpreter = Interpreter(services=services)
    interpreter.run("main", run_id=…, journal=journal)

From then on every call of a model in both runs is reserved in one account, each call counts towards the same
``max_calls``, and neither goes on after the same ``deadline``.  The limits that the job's own interpreter has from its
policy hold as well, for the job alone.  A job that starts further jobs shares the same budget with them.  The map says
what a job may spend, so it has to be kept where nobody but the host may change it.

A run that goes on in a later start finds its account by itself; a job that starts after that has the limits that the
run has then.  The account is removed with the run.
"""

from __future__ import annotations

import uuid

from neuroscript.journal.accounts import Membership, SharedBudget
from neuroscript.journal.ids import budget_id
from neuroscript.runtime.context import METER, SHARED_BUDGET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from neuroscript.journal.replay import JournaledRun
    from neuroscript.journal.store import JournalStore
    from neuroscript.runtime.context import RunMeter, ToolContext


def share_budget(ctx: ToolContext, journal: JournalStore) -> dict[str, Any] | None:
    """Shares the budget of the run that is going on with a job that it is about to start.

    Args:
        ctx: the context of the tool that starts the job.
        journal: where the run of the job will be; a journaled run is in the same one.

    Returns:
        the budget as JSON values, to be given to the interpreter of the job as the service ``run_budget``; None if the
        run has no limits.

    Raises:
        NeuroScriptError: 26 if the account cannot be written.
    """
    inherited: Mapping[str, Any] | None = ctx.services.get(SHARED_BUDGET)
    if inherited is not None:
        return SharedBudget.parse(inherited).to_map()
    run, state, meter = ctx.journal, ctx.interpreter.runtime.current_run, ctx.services.get(METER)
    shared = run.shared if run is not None else None if state is None else state.shared
    limits = _limits_of(run, {} if meter is None else meter.told())
    if shared is not None:
        journal.accounts.open(budget := SharedBudget(shared.budget.id, *limits))
        return budget.to_map()
    if all(limit is None for limit in limits):
        return None
    budget = SharedBudget(str(uuid.uuid4()) if run is None else budget_id(run.info), *limits)
    joined = Membership(journal.accounts, budget, budget.id, owns=True)
    journal.accounts.open(budget)
    if run is not None:
        run.share(joined)
    elif state is not None:
        state.shared = joined
    if meter is not None:
        meter.join(joined)
    return budget.to_map()


def share_again(
    run: JournaledRun, journal: JournalStore, given: Mapping[str, Any] | None, meter: RunMeter | None
) -> None:
    """Counts a run that starts in the budget that it shares, if it shares one.

    Args:
        run: the run.
        journal: where it is.
        given: the budget of the run that started it, if that shares its own.
        meter: counts what runs use, and knows the limits that this one has now.

    Raises:
        NeuroScriptError: 4 for a map that is no budget; 46 if the run that started this one was removed.
    """
    accounts = journal.accounts
    if given is not None:
        budget = SharedBudget.parse(given)
        # With the limits that it has by now: the run may have been started again with others.
        run.share(Membership(accounts, accounts.budget(budget.id) or budget, f"run {run.info.run_id}"))
        return
    own = budget_id(run.info)
    if accounts.budget(own) is not None:
        budget = SharedBudget(own, *_limits_of(run, {} if meter is None else meter.told()))
        accounts.open(budget)
        run.share(Membership(accounts, budget, own, owns=True))


def _limits_of(run: JournaledRun | None, told: Mapping[str, Any]) -> tuple[Any, ...]:
    """The limits that a run shares: cost, tokens, calls, and the moment when its time is over."""
    calls = None if run is None else run.terms.max_calls
    return told.get("max_cost"), told.get("max_tokens"), calls, None if run is None else _moment(run)


def _moment(run: JournaledRun) -> float | None:
    """When the time of a run is over, in seconds since 1970."""
    return None if run.terms.deadline is None else run.info.started + run.terms.deadline
