import { useState } from 'preact/hooks';
import { BUDGET_USD_MAX } from '../lib/brief';
import { usd } from '../lib/format';
import { Confirm } from '../ui/confirm';
import type { Spending } from './spending';

interface Props {
  spending: Spending;
  busy: boolean;
  raise: (usd: number) => void;
}

/** Asks for more money: at any time where a budget was set, and urgently where the next call does not fit into it. */
export function BudgetForm({ spending, busy, raise }: Props) {
  const { limit = 0, spent, needed, state } = spending;
  const isReached = state === 'reached';
  // A cent more than what is there, or what the next call can cost.
  const least = Math.max(Math.floor(limit / 10_000) + 1, Math.ceil((spent + needed) / 10_000)) / 100;
  const [amount, setAmount] = useState(String(Math.max(least, (2 * limit) / 1_000_000)));
  const [asks, setAsks] = useState(false);
  return (
    <form
      class="field budget-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) setAsks(true);
      }}
    >
      {isReached && (
        <p class="notice warn" role="status">
          The budget of {usd(limit)} is reached: {usd(spent)} is spent, and the next call can cost up to {usd(needed)}.
        </p>
      )}
      <label for="budget">Budget in US dollars</label>
      <div class="row">
        <input
          id="budget"
          type="number"
          inputMode="decimal"
          min={least}
          max={BUDGET_USD_MAX}
          step="0.01"
          required
          value={amount}
          onInput={(event) => setAmount(event.currentTarget.value)}
        />
        <button type="submit" class={isReached ? 'primary' : undefined} disabled={busy}>
          {isReached ? 'Raise the budget and go on' : 'Raise the budget'}
        </button>
      </div>
      {asks && (
        <Confirm
          title={`Raise the budget to ${usd(Number(amount) * 1_000_000)}?`}
          action="Raise it"
          keep={`Keep ${usd(limit)}`}
          onConfirm={() => {
            setAsks(false);
            raise(Number(amount));
          }}
          onCancel={() => setAsks(false)}
        >
          Models may then cost that much in all. A budget can be raised again, not lowered.
        </Confirm>
      )}
    </form>
  );
}
