// The settings of a Kafka broker of ours, for one node or three. Pure.
//
// A broker that is killed must serve again within seconds, not the 13 of the defaults, so sessions and elections are
// short; everything listens on loopback; what Kafka keeps about itself is small.

/** One node: broker and controller in one process. */
export interface KafkaNode {
  /** 1, 2, 3. */
  readonly id: number;
  /** For clients. */
  readonly port: number;
  /** For the other nodes. */
  readonly controllerPort: number;
  /** What it keeps. */
  readonly folder: string;
  /** Doors beside the main one, for clients that reach it by a way of their own. */
  readonly doors?: readonly KafkaDoor[];
}

/** A listener whose clients are told to come to another port than that which it listens on: that of a proxy before it. */
export interface KafkaDoor {
  /** In capitals: `ORDERS`. */
  readonly name: string;
  readonly port: number;
  readonly advertisedPort: number;
}

export type Settings = Readonly<Record<string, string | number | boolean>>;

const HOST = '127.0.0.1';

/** What holds for every node of every cluster, also in containers. */
export const everyNode: Settings = {
  'process.roles': 'broker,controller',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'controller.listener.names': 'CONTROLLER',
  'inter.broker.listener.name': 'PLAINTEXT',
  // Topics are made from the catalogue, with what it states for each; a mistyped name must not make one.
  'auto.create.topics.enable': false,
  'num.partitions': 1,
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
  'share.coordinator.state.topic.num.partitions': 1,
  // A member that joins or dies is noticed at once.
  'group.initial.rebalance.delay.ms': 0,
  'group.min.session.timeout.ms': 1_000,
  // With the default of 9 s, a broker that was killed and started again waits that long for its own old session.
  'broker.session.timeout.ms': 1_000,
  'broker.heartbeat.interval.ms': 200,
  'num.network.threads': 2,
  'num.io.threads': 2,
  'background.threads': 2,
  'num.recovery.threads.per.data.dir': 1,
  'log.cleaner.threads': 1,
  'log.cleaner.dedupe.buffer.size': 2_097_152,
  'log.segment.bytes': 67_108_864,
  'log.index.size.max.bytes': 1_048_576,
  // Topics say how long they keep; one that does not keeps everything.
  'log.retention.hours': -1,
  'file.delete.delay.ms': 1_000,
  'controlled.shutdown.enable': true,
};

/** Elections as quick as on one machine they can be, on which a broker may not get to run for a second. */
const severalNodes: Settings = {
  'broker.session.timeout.ms': 2_000,
  // Those that lead after a death lead on until somebody looks; with the default that is five minutes, for all partitions.
  'leader.imbalance.check.interval.seconds': 10,
  'controller.quorum.fetch.timeout.ms': 2_000,
  'controller.quorum.election.timeout.ms': 500,
  'controller.quorum.election.backoff.max.ms': 200,
  'controller.quorum.request.timeout.ms': 1_000,
  'replica.lag.time.max.ms': 3_000,
};

/** How often everything is kept, and how many must have a message before it is acknowledged. */
export function replication(nodes: number): Settings {
  const copies = Math.min(nodes, 3);
  const needed = Math.max(1, copies - 1);
  return {
    'default.replication.factor': copies,
    'min.insync.replicas': needed,
    'offsets.topic.replication.factor': copies,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': needed,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': needed,
  };
}

/** All settings of one node of a cluster. */
export function kafkaSettings(nodes: readonly KafkaNode[], node: KafkaNode): Settings {
  const voters = nodes.map(({ id, controllerPort }) => `${id}@${HOST}:${controllerPort}`);
  const { doors = [] } = node;
  return {
    ...everyNode,
    ...replication(nodes.length),
    ...(nodes.length > 1 && severalNodes),
    'node.id': node.id,
    'controller.quorum.voters': voters.join(','),
    listeners: [
      `PLAINTEXT://${HOST}:${node.port}`,
      `CONTROLLER://${HOST}:${node.controllerPort}`,
      ...doors.map(({ name, port }) => `${name}://${HOST}:${port}`),
    ].join(','),
    'advertised.listeners': [
      `PLAINTEXT://${HOST}:${node.port}`,
      ...doors.map(({ name, advertisedPort }) => `${name}://${HOST}:${advertisedPort}`),
    ].join(','),
    ...(doors.length > 0 && settingsOfDoors(doors)),
    'log.dirs': `${node.folder}/data`,
  };
}

function settingsOfDoors(doors: readonly KafkaDoor[]): Settings {
  const known = String(everyNode['listener.security.protocol.map']);
  return {
    'listener.security.protocol.map': [known, ...doors.map(({ name }) => `${name}:PLAINTEXT`)].join(','),
    // Threads are counted by listener, and behind each is one service.
    ...Object.fromEntries(doors.map(({ name }) => [`listener.name.${name.toLowerCase()}.num.network.threads`, 1])),
  };
}

/** As the text of a properties file. */
export function propertiesOf(settings: Settings): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${String(value).replaceAll('\\', '\\\\')}\n`);
  return lines.join('');
}
