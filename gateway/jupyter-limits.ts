/** What a stock Jupyter takes in one message, in bytes: Tornado's `websocket_max_message_size`. It drops who sends more. */
export const MESSAGE_BYTES = 10 * 1024 * 1024;
