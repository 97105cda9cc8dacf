import Foundation
import Testing

/// Suites that take minutes each: the kills amid 200 deploys, and the real Home Assistant.
enum LongTests {
    static var areWanted: Bool { ProcessInfo.processInfo.environment["LAB_LONG_TESTS"] == "1" }
    static let comment: Comment = "takes minutes; set LAB_LONG_TESTS=1 to run it"
}
