public import LabCore

/// Bearer tokens: 256 random bits as text that is safe in URLs and header values.
public enum RandomToken {
    /// A new token, `lab_` and 43 characters of `A-Z a-z 0-9 - _`. The prefix lets scanners for leaked secrets find it.
    ///
    /// - Parameter prefix: what the token begins with; names its kind.
    public static func make(prefix: String = "lab_") -> Secret<String> {
        Secret(prefix + Base64.encode(RandomBytes.make(32)))
    }
}
