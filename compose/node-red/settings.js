// https://nodered.org/docs/user-guide/runtime/configuration
const crypto = require("crypto");

const name = process.env.NODE_RED_USER;
const password = process.env.NODE_RED_PASSWORD;

// Digests have one length, so the time of the comparison tells nothing.
const digest = (text) => crypto.createHash("sha256").update(String(text)).digest();
const everything = { username: name, permissions: "*" };

module.exports = {
    uiPort: 1880,
    flowFile: "flows.json",
    flowFilePretty: true,
    credentialSecret: process.env.NODE_RED_CREDENTIAL_KEY,

    // The editor runs any code, so nobody gets in without the password. It is compared and not hashed: it is random, and
    // comes anew with each start.
    adminAuth: {
        type: "credentials",
        users: async (user) => (user === name ? everything : null),
        authenticate: async (user, given) => {
            if (!password || user !== name) return null;
            return crypto.timingSafeEqual(digest(given), digest(password)) ? everything : null;
        },
    },

    diagnostics: { enabled: true, ui: true },
    runtimeState: { enabled: false, ui: false },
    telemetry: { enabled: false },
    logging: { console: { level: "info", metrics: false, audit: false } },
    externalModules: {},
    editorTheme: { projects: { enabled: false } },
    functionExternalModules: true,
    exportGlobalContextKeys: false,
    // What flows remember outlives a restart.
    contextStorage: { default: { module: "localfilesystem" } },
};
