// Goal: what groups follow is known although one of them is being joined while it is asked.
// Method: the answers that brokers give, which for a group that is being joined have members without metadata.
import { expect, it } from '@jest/globals';
import kafkajs, { type GroupDescription } from 'kafkajs';
import { followedBy } from './kafkajs-groups.ts';

const joined = (...topics: string[]): { memberMetadata: Buffer } => ({
  memberMetadata: kafkajs.AssignerProtocol.MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) }),
});
const joining: { memberMetadata: Buffer } = { memberMetadata: Buffer.alloc(0) };

it('asks again for groups that are being joined, and for those alone', async () => {
  const asked: string[][] = [];
  const answers: Record<string, (typeof joining)[][]> = {
    orders: [[joined('a', 'b'), joined('b')]],
    stock: [[joining, joined('c')], [joining], [joined('c'), joined('c')]],
    nobody: [[]],
  };
  const following = await followedBy({
    listGroups: async () => ({
      groups: Object.keys(answers).map((groupId) => ({ groupId, protocolType: 'consumer' })),
    }),
    describeGroups: async (groups) => {
      asked.push(groups);
      return {
        groups: groups.map(
          (groupId) => ({ groupId, members: answers[groupId]?.shift() }) as unknown as GroupDescription,
        ),
      };
    },
  });
  expect(following).toEqual([
    { group: 'orders', topics: ['a', 'b'] },
    { group: 'stock', topics: ['c'] },
  ]);
  expect(asked).toEqual([['orders', 'stock', 'nobody'], ['stock'], ['stock']]);
});
