// Which consumer groups there are, and what their members follow. kafkajs does not expect that a broker says nothing of
// members while a group is being joined, and reads beyond the end of the nothing.

import { setTimeout as delay } from 'node:timers/promises';
import kafkajs, { type Admin, type GroupDescription } from 'kafkajs';

export interface Following {
  readonly group: string;
  readonly topics: readonly string[];
}

/** A member that was killed holds a join up for its session (10 s); in milliseconds. */
const SETTLED_WITHIN_MS = 30_000;
const PAUSE_MS = 100;

/**
 * What the members of each group have said that they follow. A group that is being joined is asked again until it is joined.
 * @throws Error naming the groups that are not after half a minute.
 */
export async function followedBy(admin: Pick<Admin, 'listGroups' | 'describeGroups'>): Promise<readonly Following[]> {
  const following: Following[] = [];
  let asked = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
  for (const from = performance.now(); asked.length > 0; ) {
    const { groups } = await admin.describeGroups(asked);
    following.push(...groups.filter(isJoined).flatMap(topicsOf));
    asked = groups.filter((group) => !isJoined(group)).map(({ groupId }) => groupId);
    if (asked.length === 0) break;
    if (performance.now() - from > SETTLED_WITHIN_MS)
      throw new Error(`what ${asked.join(', ')} follow is not known: not joined within ${SETTLED_WITHIN_MS} ms`);
    await delay(PAUSE_MS);
  }
  return following;
}

const isJoined = ({ members }: GroupDescription) => members.every(({ memberMetadata }) => memberMetadata.length > 0);

function topicsOf({ groupId, members }: GroupDescription): readonly Following[] {
  const topics = members.flatMap(
    ({ memberMetadata }) => kafkajs.AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics ?? [],
  );
  return topics.length === 0 ? [] : [{ group: groupId, topics: [...new Set(topics)] }];
}
