import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { simulatorSecrets } from '../../client/local-world.ts';
import { newKeyPair } from '../../gate/statement.ts';
import { makePlace } from '../support/processes.ts';

// Each plants one fault: what searches every place when it is cleared must see it.

test('a token that a program says is found when its place is cleared', async () => {
  const place = makePlace('planted');
  const script = 'console.error(`Bearer ${process.env.PAGERDUTY_API_TOKEN}`)';
  await place.start(process.execPath, ['-e', script], { env: simulatorSecrets }).ended;
  await expect(place.clear()).rejects.toThrow(/^PAGERDUTY_API_TOKEN stands in what -e .* said \(as it is\)$/);
});

test('a private key that was copied out of its file is found', async () => {
  const place = makePlace('planted');
  const { privateKey } = newKeyPair();
  writeFileSync(join(place.folder, 'bot.pem'), privateKey);
  writeFileSync(join(place.folder, 'notes.txt'), `the key: ${privateKey.split('\n')[1]}`);
  await expect(place.clear()).rejects.toThrow(
    /^the file bot\.pem stands in the file notes\.txt \(in base64\)$/,
  );
});
