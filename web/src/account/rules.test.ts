import { AppwriteException } from 'appwrite';
import { expect, test } from 'vitest';
import { check, refusalOf } from './rules';

const fields = (email: string, password: string, isNew = true) => check(email, password, isNew).map(({ field }) => field);

test('an address and a password are checked before anybody is asked', () => {
  expect(fields('ada@example.org', 'correct horse')).toEqual([]);
  expect(fields('ada', '')).toEqual(['email', 'password']);
  expect(fields('ada@example.org', 'short')).toEqual(['password']);
  expect(fields('ada@example.org', 'p'.repeat(257))).toEqual(['password']);
});

test('a password that exists already may be short', () => {
  expect(fields('ada@example.org', 'short', false)).toEqual([]);
});

test('each answer stands where it belongs', () => {
  const refused = (message: string, code: number, type: string) =>
    refusalOf(new AppwriteException(message, code, type), 'https://x.test/v1');
  expect(refused('', 401, 'user_invalid_credentials').message).toBe('The e-mail address or the password is not right.');
  expect(refused('', 409, 'user_already_exists').field).toBe('email');
  expect(refused('The request is not valid', 400, 'general_bad_request').field).toBe('email');
  expect(refused('Invalid `password` param: Password must be …', 400, 'general_argument_invalid').field).toBe('password');
  expect(refused('Invalid `email` param: Value must be …', 400, 'general_argument_invalid').field).toBe('email');
  expect(refused('Something else', 500, 'general_unknown')).toEqual({ field: undefined, message: 'Something else' });
});
