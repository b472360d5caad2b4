import { describe, expect, test } from 'vitest';
import { Cron, cronOf } from '../../gate/cron.ts';

const timesOf = (text: string) => Cron.parse(text).times;
const faultIn = (text: string): string => Cron.safeParse(text).error?.issues[0]?.message ?? 'none';

test.each([
  ['0 8 * * 1', '0 8 * * 1'],
  ['0 8 * * mon', '0 8 * * 1'],
  ['0  8 * *  Mon-Fri', '0 8 * * 1-5'],
  ['*/15 * * * *', '0,15,30,45 * * * *'],
  ['5-59/20 0-23 * 1-12 *', '5,25,45 * * * *'],
  ['0 0 1 jan,JUL *', '0 0 1 1,7 *'],
  ['0 0 29 2 *', '0 0 29 2 *'],
  // Seven is Sunday, at either end of a week.
  ['0 8 * * 7', '0 8 * * 0'],
  ['0 8 * * 5-7', '0 8 * * 0,5,6'],
  ['0 8 * * 0-7', '0 8 * * *'],
  ['0 8 * * */2', '0 8 * * 0,2,4,6'],
])('%s is %s', (written, told) => {
  expect(cronOf(timesOf(written))).toBe(told);
  // What is told means the same.
  expect(timesOf(told)).toEqual(timesOf(written));
});

test('the values of each field are told one by one', () =>
  expect(timesOf('0,30 8-10 * 12 sat,sun')).toEqual({
    minute: [0, 30],
    hour: [8, 9, 10],
    dayOfMonth: Array.from({ length: 31 }, (_, day) => day + 1),
    month: [12],
    dayOfWeek: [0, 6],
  }));

describe('a line is refused', () => {
  test.each([
    ['', 'cron takes five fields'],
    ['0 8 * *', 'there are 4'],
    ['0 0 8 * * 1', 'there are 6'],
    ['@daily', 'there is 1'],
    ['60 8 * * *', 'minute takes 0 to 59, such as * or 1,3 or 1-5 or */2; not 60'],
    ['0 24 * * *', 'hour takes 0 to 23'],
    ['0 8 0 * *', 'day of the month takes 1 to 31'],
    ['0 8 * 13 *', 'month takes 1 to 12'],
    ['0 8 * * 8', 'day of the week takes 0 to 7'],
    ['0 8 * * monday', 'day of the week takes'],
    ['0 8-6 * * *', 'hour takes 0 to 23'],
    ['0, 8 * * *', 'not nothing'],
    ['0 */0 * * *', 'hour takes'],
    ['0 -1 * * *', 'hour takes'],
    ['0 1-2-3 * * *', 'hour takes'],
    ['L * * * *', 'minute takes'],
    ['0 5/10 * * *', 'hour 5/10 means different things in different tools; write the end: 5-23/10'],
    ['0 8 1 * 1', 'write one of them as *, in two orders if need be'],
    ['0 8 31 2,4 *', 'no month of these has such a day, so it is never due'],
  ])('%j', (written, sentence) => expect(faultIn(written)).toContain(sentence));
});
