// What the notification actor takes, as JSON Schemas.

import type { NotificationCommand } from '../../actors/notification.ts';

const money = {
  type: 'object',
  required: ['amount', 'currency'],
  additionalProperties: false,
  properties: { amount: { type: 'string' }, currency: { type: 'string' } },
} as const;

export const notificationCommands: Readonly<Record<NotificationCommand['type'], object>> = {
  NoteOrder: {
    type: 'object',
    required: ['email', 'total', 'lines', 'eventId'],
    additionalProperties: false,
    properties: {
      email: { type: 'string' },
      eventId: { type: 'string' },
      total: money,
      lines: {
        type: 'array',
        items: {
          type: 'object',
          required: ['name', 'quantity', 'unitPrice'],
          additionalProperties: false,
          properties: { name: { type: 'string' }, quantity: { type: 'integer' }, unitPrice: money },
        },
      },
    },
  },
  NoteOutcome: {
    type: 'object',
    required: ['outcome', 'eventId'],
    additionalProperties: false,
    properties: { outcome: { enum: ['paid', 'failed'] }, reason: { type: 'string' }, eventId: { type: 'string' } },
  },
};
