import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Agenda, type Timer } from '../../simulator/agenda.ts';

test('the agenda gives what is due in order, equal instants as they were set, whatever was cancelled', () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ cancel: fc.nat(40) }),
    fc.constant('next' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const agenda = new Agenda();
      const set: Timer[] = [];
      let model: Timer[] = [];
      for (const one of steps) {
        if (one === 'next') {
          const [expected] = model.toSorted((a, b) => a.at - b.at);
          expect(agenda.first).toBe(expected);
          if (expected) agenda.cancel(expected);
          model = model.filter((timer) => timer !== expected);
        } else if ('add' in one) {
          const timer = agenda.add(one.add, () => {});
          set.push(timer);
          model.push(timer);
        } else {
          const timer = set[one.cancel];
          if (timer) agenda.cancel(timer);
          model = model.filter((other) => other !== timer);
        }
      }
      expect(agenda.first).toBe(model.toSorted((a, b) => a.at - b.at)[0]);
    }),
  );
});
