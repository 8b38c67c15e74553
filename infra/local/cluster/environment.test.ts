import { expect, it } from '@jest/globals';
import { serviceNames } from '../../../brokers/hosting.ts';
import { readSettings } from '../../../mixins/settings.ts';
import { nodeEnvironment } from './environment.ts';

it('gives the mail server, whose address holds a password, to the node alone that sends mails', () => {
  const options = {
    settings: readSettings({ SMTP_URL: 'smtp://shop:hunter2@mail.example.org:587' }),
    keys: '/data/keys',
    natsUrl: 'nats://127.0.0.1:1',
    kafkaBrokers: ['127.0.0.1:2'],
    providerUrl: 'http://127.0.0.1:3',
    postgresUrl: 'postgres://souk:secret@127.0.0.1:4/souk',
    dynamoEndpoint: 'http://127.0.0.1:5',
  };
  const told = serviceNames.filter((name) => JSON.stringify(nodeEnvironment(options, name)).includes('hunter2'));
  expect(told).toEqual(['notifications']);
});
