import * as React from 'react';

const PATHS: Record<string, string> = {
  table: 'M3 4h18v16H3zm2 5v3h5V9zm7 0v3h7V9zm-7 5v4h5v-4zm7 0v4h7v-4z',
  image:
    'M3 4h18v16H3zm2 2v9.2l4-4 3.5 3.5 2.5-2.5 4 4V6zm10.5 1.5a1.75 1.75 0 1 1 0 3.5 1.75 1.75 0 0 1 0-3.5z',
  series: 'M3 13h3.6l2.5-7.5h1.8l3.4 10.3 1.9-4.8H21v2h-3.4l-2.7 6.6h-1.6L10 9.6 8 15H3z',
  text: 'M4 5h16v2H4zm0 4h16v2H4zm0 4h16v2H4zm0 4h10v2H4z',
  graph:
    'M6 3a3 3 0 1 1 0 6c-.2 0-.4 0-.6-.1l-.6 5.2A3 3 0 1 1 3 14l.6-5.4A3 3 0 0 1 6 3zm12 4a3 3 0 1 1-2.3 4.9l-6.9 4a3 3 0 0 1-.8-1.6l6.9-4A3 3 0 0 1 18 7z',
  search:
    'M10 4a6 6 0 0 1 4.7 9.7l5 5-1.4 1.4-5-5A6 6 0 1 1 10 4zm0 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8z',
  filter: 'M3 5h18v2H3zm3 6h12v2H6zm4 6h4v2h-4z',
  refresh: 'M12 5V2L7.5 6 12 10V7a5 5 0 1 1-5 5H5a7 7 0 1 0 7-7z',
  key: 'M8 7a5 5 0 0 1 4.6 3H21v4h-2v2h-4v-2h-2.4A5 5 0 1 1 8 7zm0 3.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3z'
};

/** A small picture that follows the colour of the text around it. */
export function Glyph({
  name,
  size = 16
}: {
  name: string;
  size?: number;
}): React.ReactElement {
  return (
    <svg
      className="wb-Glyph"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name] ?? PATHS.table} fill="currentColor" fillRule="evenodd" />
    </svg>
  );
}
