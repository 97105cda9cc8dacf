/// What every service's API answers beside its own operations: the recorded events, the audit log, tokens.
public enum CommonOperations {
    public static let all: [any Operation] = [
        ListEvents(), ListAudit(), CreateToken(), ListTokens(), RevokeToken(),
    ]
}
