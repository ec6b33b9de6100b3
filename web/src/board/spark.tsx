const WIDTH = 96;
const HEIGHT = 20;

/** Bars of how busy somebody was, each from 0 to 1. A picture only: the words beside it say the rest. */
export function Spark({ bars }: { bars: readonly number[] }) {
  const step = WIDTH / bars.length;
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {bars.map((bar, place) => {
        const height = bar === 0 ? 1 : Math.max(3, bar * HEIGHT);
        return <rect key={place} x={place * step} y={HEIGHT - height} width={step - 1} height={height} data-empty={bar === 0 || undefined} />;
      })}
    </svg>
  );
}
