/** What a person types next, and what for. */
export interface NextStep {
  readonly why: string;
  /** As a shell takes it. */
  readonly command: string;
}

export interface Begun {
  readonly agent: string;
  readonly keyFile: string;
  /** The configuration, where commands do not find it by themselves. */
  readonly configFile: string | undefined;
  /** Whether a Temporal server is named already. */
  readonly hasServer: boolean;
  /** An incident to try it on. */
  readonly incident: string | undefined;
}

/** The way from a first configuration to a first run, each step a command that works as it stands. */
export function nextSteps({ agent, keyFile, configFile, hasServer, incident }: Begun): readonly NextStep[] {
  const oncall = configFile === undefined ? 'oncall' : `oncall --config ${quoted(configFile)}`;
  const as = `ONCALL_AGENT=${agent} ONCALL_AGENT_KEY_FILE=${quoted(keyFile)}`;
  const input = JSON.stringify({ account: 'main', incident });
  return [
    ...(hasServer
      ? []
      : [{ why: 'A Temporal server on this machine, in a terminal of its own', command: 'oncall temporal' }]),
    { why: 'The Worker, in a terminal of its own, where the key can be read', command: `${oncall} worker` },
    { why: 'What is wrong, with the mend of each', command: `${oncall} doctor` },
    incident === undefined
      ? {
          why: `A first run as ${agent}; it reads, and changes nothing`,
          command: `${as} ${oncall} call listOnCalls`,
        }
      : {
          why: `A first run as ${agent}, on the newest incident; it reads, and changes nothing`,
          command: `${as} ${oncall} run triageIncident --input ${quoted(input)}`,
        },
    { why: 'What it did, and why it was allowed', command: `${oncall} audit` },
    {
      why: 'You, as the operator who approves and lifts what was pressed',
      command: `${oncall} operators add ${agent === 'lead' ? 'boss' : 'lead'}`,
    },
    {
      why: 'Another agent, with no grants until you give it some',
      command: `${oncall} agents add ${agent === 'second-bot' ? 'third-bot' : 'second-bot'}`,
    },
  ];
}

/** A word as a shell takes it whole. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
