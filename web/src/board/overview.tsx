import type { ComponentChildren } from 'preact';
import { duration, short, usd } from '../lib/format';
import { isAtWork, isFinal, type Snapshot } from '../lib/snapshot';
import { useNow } from '../ui/use-now';
import { BudgetForm } from './budget';
import { planInHand } from './lanes';
import { type Spending, spendingOf } from './spending';
import { elapsed, remaining } from './times';
import type { Commander } from './use-command';

interface Props {
  snapshot: Snapshot;
  /** The models are scripted: what they cost is not charged. */
  scripted: boolean;
  commander: Commander;
}

/** Time, money and tokens at a glance, with what was estimated. */
export function Overview({ snapshot, scripted, commander }: Props) {
  const spending = spendingOf(snapshot);
  const estimate = planInHand(snapshot)?.estimate;
  const { task } = snapshot;
  const runs = snapshot.assignments.filter(({ line }) => line === '').length;
  const mayRaise = spending.limit !== undefined && spending.state !== 'reached' && !isFinal(task);
  return (
    <section class="overview" aria-label="Overview">
      <dl>
        <Time snapshot={snapshot} />
        <Figure name={scripted ? 'Cost at list prices' : 'Cost'} value={usd(spending.spent)}>
          {estimate && `of about ${usd(estimate.costMicroUsd)}`}
        </Figure>
        <Figure name="Tokens" value={short(spending.tokens)}>
          {estimate && `of about ${short(estimate.inputTokens + estimate.outputTokens)}`}
        </Figure>
        <Figure name="Agents at work" value={isFinal(task) ? '0' : String(runs)}>
          {snapshot.terms && `of ${snapshot.terms.parallelism} at the same time`}
        </Figure>
      </dl>
      {spending.limit !== undefined && <Meter spending={spending} limit={spending.limit} />}
      {mayRaise && (
        <details class="raise">
          <summary>Raise the budget</summary>
          <BudgetForm
            key={spending.limit}
            spending={spending}
            busy={commander.busy}
            raise={(budgetUsd) => void commander.send({ command: 'budget', budgetUsd })}
          />
        </details>
      )}
    </section>
  );
}

function Figure({ name, value, children }: { name: string; value: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <span class="figure">{value}</span> {children && <span class="aside">{children}</span>}
      </dd>
    </div>
  );
}

function Time({ snapshot }: { snapshot: Snapshot }) {
  const now = useNow(!isFinal(snapshot.task));
  const left = remaining(snapshot, now);
  return (
    <Figure name={isFinal(snapshot.task) ? 'Took' : 'Elapsed'} value={duration(elapsed(snapshot, now))}>
      {left !== undefined && leftInWords(left, isAtWork(snapshot.task))}
    </Figure>
  );
}

/** Whole minutes: an estimate is no more exact than that. */
function leftInWords(left: number, atWork: boolean): string {
  if (left <= -60_000) return 'longer than estimated';
  const minutes = Math.max(1, Math.ceil(left / 60_000));
  return atWork ? `about ${minutes} min left` : `then about ${minutes} min`;
}

function Meter({ spending: { spent, state, needed }, limit }: { spending: Spending; limit: number }) {
  const percent = Math.min(100, (100 * spent) / limit);
  return (
    <div class="budget" data-state={state}>
      <div class="row">
        <span id="budget-name">Budget</span>
        <span class="number">
          {usd(spent)} of {usd(limit)} spent
        </span>
        <span class="budget-word">
          {state === 'warn' && `${Math.floor(percent)} % is spent: raise it before it runs out`}
          {state === 'reached' && `The next call can cost up to ${usd(needed)} and does not fit`}
        </span>
      </div>
      <div
        class="bar"
        role="meter"
        aria-labelledby="budget-name"
        aria-valuemin={0}
        aria-valuemax={limit / 1_000_000}
        aria-valuenow={Math.min(spent, limit) / 1_000_000}
        aria-valuetext={`${usd(spent)} of ${usd(limit)} spent`}
      >
        <span style={{ width: `${percent}%` }} />
        {needed > 0 && <span class="needed" style={{ width: `${Math.min(100 - percent, (100 * needed) / limit)}%` }} />}
      </div>
    </div>
  );
}
