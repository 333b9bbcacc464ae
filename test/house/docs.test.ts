/**
 * The pages that travel in the package: each link leads to a file that travels, too, and its heading is
 * there; and programs of two pages that are tried in one folder do not take each other's data for theirs.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TOP = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'examples/README.md',
];
const PAGES = [...TOP, ...pagesBelow('docs')];

function pagesBelow(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.md')).map((name) => join(folder, name));
}

function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** What package.json packs of what is not built. */
function isPacked(path: string): boolean {
  const { files } = JSON.parse(read('package.json')) as { files: string[] };
  if (/^examples\/[^/]+\.ts$/.test(path)) return files.includes('examples/*.ts');
  return files.some((one) => path === one || path.startsWith(`${one}/`));
}

/** As most renderers make them from a heading. */
function anchorOf(heading: string): string {
  const text = heading.replace(/^#+ /, '').toLowerCase();
  return text.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
}

function faultsOf(page: string): string[] {
  const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return links.flatMap((link) => {
    if (/^https?:/.test(link)) return [];
    const [file = '', anchor] = link.split('#');
    const path = file === '' ? page : relative(ROOT, join(ROOT, dirname(page), file));
    if (!existsSync(join(ROOT, path))) return [`${link}: there is no such file`];
    if (!isPacked(path)) return [`${link}: it is not in the package`];
    if (anchor === undefined) return [];
    const anchors = [...read(path).matchAll(/^#+ .*$/gm)].map(([line]) => anchorOf(line));
    return anchors.includes(anchor) ? [] : [`${link}: there is no such heading`];
  });
}

describe('the pages of the package', () => {
  it.each(PAGES)('%s leads to what is there, and is packed', (page) => {
    expect(isPacked(page)).toBe(true);
    expect(faultsOf(page)).toEqual([]);
  });

  it('do not let two programs share a data folder', () => {
    const folders = PAGES.flatMap((page) =>
      [...read(page).matchAll(/dataDir: '([^']+)'/g)].map(([, folder = '']) => folder),
    );
    expect(folders.length).toBeGreaterThan(2);
    expect(new Set(folders).size).toBe(folders.length);
  });
});
