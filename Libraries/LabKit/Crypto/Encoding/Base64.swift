/// Base64 without padding, in the standard and in the URL-safe alphabet (RFC 4648).
public enum Base64 {
    public enum Alphabet: Sendable {
        /// `+` and `/`, as PHC password hashes have it.
        case standard
        /// `-` and `_`, safe in URLs, file names and header values.
        case urlSafe

        fileprivate var digits: [UInt8] {
            switch self {
            case .standard: Base64.standardDigits
            case .urlSafe: Base64.urlSafeDigits
            }
        }
    }

    private static let common = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    fileprivate static let standardDigits = common + Array("+/".utf8)
    fileprivate static let urlSafeDigits = common + Array("-_".utf8)

    /// The text of `bytes`, without `=`.
    public static func encode(_ bytes: [UInt8], alphabet: Alphabet = .urlSafe) -> String {
        let digits = alphabet.digits
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var bitCount = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                text.append(digits[Int(bits >> UInt32(bitCount) & 63)])
            }
        }
        if bitCount > 0 { text.append(digits[Int(bits << UInt32(6 - bitCount) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of `text`, which has no `=`; nil for anything that ``encode(_:alphabet:)`` would not have written.
    public static func decode(_ text: String, alphabet: Alphabet = .urlSafe) -> [UInt8]? {
        let digits = alphabet.digits
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount = 0
        for character in text.utf8 {
            guard let digit = digits.firstIndex(of: character) else { return nil }
            bits = bits << 6 | UInt32(digit)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        // What is left over is less than a digit, and zero: else two texts would mean the same bytes.
        guard bitCount < 6, bits & (1 << UInt32(bitCount) - 1) == 0 else { return nil }
        return bytes
    }
}
