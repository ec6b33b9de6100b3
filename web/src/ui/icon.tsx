/** Small pictures beside words. They say nothing that the words do not, so nobody reads them out. */

const PATHS = {
  plus: 'M10 4v12M4 10h12',
  up: 'M10 16V4M5 9l5-5 5 5',
  down: 'M10 4v12M5 11l5 5 5-5',
  cross: 'M5 5l10 10M15 5L5 15',
  pencil: 'M12.5 4.5l3 3L7 16H4v-3zM11 6l3 3',
  grip: 'M7.5 5v.01M12.5 5v.01M7.5 10v.01M12.5 10v.01M7.5 15v.01M12.5 15v.01',
  search: 'M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4',
  auto: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 3v14M10 6h5.5M10 10h7M10 14h5.5',
  light: 'M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6L16 16M16 4l-1.4 1.4M5.4 14.6L4 16',
  dark: 'M16.5 12A7 7 0 0 1 8 3.5 7 7 0 1 0 16.5 12z',
  web: 'M2.5 4.5h15v11h-15zM2.5 8h15M5 6.2h.01M7 6.2h.01',
  mobile: 'M6 2.5h8v15H6zM9 15h2',
  api: 'M7 6l-4 4 4 4M13 6l4 4-4 4M11.5 4l-3 12',
  fullstack: 'M10 3l7 3.5-7 3.5-7-3.5zM3 10l7 3.5 7-3.5M3 13.5L10 17l7-3.5',
  person: 'M10 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4 17c.5-3.5 3-5 6-5s5.5 1.5 6 5',
  folder: 'M2.5 5.5h5l1.5 2h8.5v8.5h-15z',
  out: 'M8 4h8v8M16 4L6 14',
  check: 'M4 10.5l4 4 8-9',
  file: 'M5 2.5h6.5l4 4v11h-10.5zM11.5 2.5v4h4',
  copy: 'M7 7h9.5v9.5h-9.5zM13 7v-3.5h-9.5v9.5h3.5',
  download: 'M10 3v9.5M5.5 8.5l4.5 4.5 4.5-4.5M4 16.5h12',
  again: 'M16 10a6 6 0 1 1-1.8-4.3M16 3v3.5h-3.5',
  tablet: 'M4.5 2.5h11v15h-11zM9.5 15h1',
  branch: 'M6 4v12M6 13c5 0 8-1 8-5.5M14 4.5v3M4.5 4h3M4.5 16h3M12.5 4.5h3',
  bell: 'M5 14V9a5 5 0 0 1 10 0v5l1.5 1.5h-13zM8.5 15.5a1.5 1.5 0 0 0 3 0',
  lock: 'M5 9h10v8H5zM7 9V6.5a3 3 0 0 1 6 0V9',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
