import { found } from '../refusal.ts';
import { writeService } from '../wire/account.ts';
import { viewOf } from '../wire/view.ts';
import { type Call, type Outcome, ok } from './handler.ts';

export function getService({ world, params, query }: Call<'getService'>): Outcome {
  const service = found(world.services.get(params.id));
  return ok({ service: writeService(viewOf(world, query), service) });
}
