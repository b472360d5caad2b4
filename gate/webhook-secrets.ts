import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Id } from '../pagerduty/catalogue/wire.ts';
import type { SecretKeeper } from '../pagerduty/secrets.ts';

/** The secret of a webhook subscription, in a file of its own. */
export interface KeptSecret {
  /** Id of the subscription. */
  readonly subscription: string;
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly keptAt: number;
}

/** The secrets of an account's webhook subscriptions, which PagerDuty tells once: a file each under `ONCALL_HOME`. */
export interface WebhookSecrets extends SecretKeeper {
  readonly folder: string;
  /** Those that are kept here, the oldest first. */
  readonly list: () => readonly KeptSecret[];
  /** Removes one; says whether it was there. */
  readonly forget: (subscription: string) => boolean;
}

export function webhookSecretsIn(home: string, account: string): WebhookSecrets {
  const folder = join(home, 'webhook-secrets', account);
  const prepare = (): void => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const probe = join(folder, `.${process.pid}.probe`);
    writeWhole(probe, 'x'.repeat(256));
    rmSync(probe);
  };
  return {
    folder,
    prepare,
    keep: (subscription, secret) => {
      const file = join(folder, Id.parse(subscription));
      const next = `${folder}/.${subscription}.${process.pid}.new`;
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      try {
        writeWhole(next, secret);
        renameSync(next, file);
      } finally {
        rmSync(next, { force: true });
      }
      return file;
    },
    list: () =>
      namesIn(folder)
        .filter((name) => Id.safeParse(name).success)
        .flatMap((subscription) => {
          const file = join(folder, subscription);
          const keptAt = keptSince(file);
          return keptAt === undefined ? [] : [{ subscription, file, keptAt }];
        })
        .toSorted((a, b) => a.keptAt - b.keptAt),
    forget: (subscription) => {
      const file = join(folder, Id.parse(subscription));
      const wasThere = keptSince(file) !== undefined;
      rmSync(file, { force: true });
      return wasThere;
    },
  };
}

/** What a kept secret's file holds; throws where it cannot be read or is empty. */
export function readKept({ file }: Pick<KeptSecret, 'file'>): string {
  const secret = readFileSync(file, 'utf8').trim();
  if (secret === '') throw new Error(`${file} is empty.`);
  return secret;
}

/** To the disk before anything else happens: no second answer will tell it. */
function writeWhole(file: string, text: string): void {
  rmSync(file, { force: true });
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** No folder is the normal case, before the first is kept. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Another process may just have removed it. */
function keptSince(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}
