import { useState } from 'preact/hooks';
import { usd } from '../lib/format';
import type { Exhausted } from '../lib/task';

/** Asks for more money where the next call does not fit into the budget. */
export function BudgetForm({ call, busy, raise }: { call: Exhausted; busy: boolean; raise: (usd: number) => void }) {
  const least = Math.ceil((call.spentMicroUsd + call.neededMicroUsd) / 10_000) / 100;
  const [amount, setAmount] = useState(String(Math.max(least, (2 * call.limitMicroUsd) / 1_000_000)));
  return (
    <form
      class="field"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) raise(Number(amount));
      }}
    >
      <p class="notice" role="status">
        The budget of {usd(call.limitMicroUsd)} is reached: {usd(call.spentMicroUsd)} is spent, and the next call can cost
        up to {usd(call.neededMicroUsd)}.
      </p>
      <label for="budget">Budget in US dollars</label>
      <input
        id="budget"
        type="number"
        inputMode="decimal"
        min={least}
        max={10_000}
        step="0.01"
        required
        value={amount}
        onInput={(event) => setAmount(event.currentTarget.value)}
      />
      <button type="submit" class="primary" disabled={busy}>
        Raise the budget and go on
      </button>
    </form>
  );
}
