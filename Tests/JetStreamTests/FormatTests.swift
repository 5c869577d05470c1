import Foundation
import Testing

/// Files that an earlier build wrote are read as they were meant.
@Suite struct FormatTests {
    /// Four messages handed out, all up to the second settled.
    private static let consumerA = """
        S0FTU0FUV04BAAAAOgEAAAEAAAAAAAAAxbXnQLIIyG17Im5hbWUiOiJBIiwiY3JlYXRlZCI6IjIwMjYtMTEtMjdU\
        MjI6MjE6MDIuOTAwNzc5WiIsImNvbmZpZyI6eyJkdXJhYmxlX25hbWUiOiJBIiwiZGVsaXZlcl9wb2xpY3kiOiJh\
        bGwiLCJhY2tfcG9saWN5IjoiYWxsIiwiYWNrX3dhaXQiOjMwMDAwMDAwMDAwLCJtYXhfZGVsaXZlciI6LTEsInJl\
        cGxheV9wb2xpY3kiOiJpbnN0YW50IiwibWF4X3dhaXRpbmciOjUxMiwibWF4X2Fja19wZW5kaW5nIjoxMDAwLCJu\
        dW1fcmVwbGljYXMiOjB9LCJuZXh0IjoxLCJzdGFydHMiOltdLCJkZWxpdmVyZWQiOlswLDBdLCJmbG9vciI6WzAs\
        MF0sInBlbmRpbmciOltdfQr+o1QBAAAAAQAAAAAAAAABAAAAAAAAAAEAAAAAAAAAmq9njAEAAAACAAAAAAAAAAIA\
        AAAAAAAAAQAAAAAAAADqYCTEAQAAAAMAAAAAAAAAAwAAAAAAAAABAAAAAAAAAEt6AzgBAAAABAAAAAAAAAAEAAAA\
        AAAAAAEAAAAAAAAAKd9oZQMAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
        """
    /// Five messages handed out, at most once each: the first and the third settled, the second and
    /// the fourth given up, the fifth taken out of the stream.
    private static let consumerC = """
        S0FTU0FUV04BAAAAPQEAAAEAAAAAAAAATNZpt5gcJiV7Im5hbWUiOiJDIiwiY3JlYXRlZCI6IjIwMjYtMTEtMjdU\
        MjI6MjE6MDIuOTAwNDg3WiIsImNvbmZpZyI6eyJkdXJhYmxlX25hbWUiOiJDIiwiZGVsaXZlcl9wb2xpY3kiOiJh\
        bGwiLCJhY2tfcG9saWN5IjoiZXhwbGljaXQiLCJhY2tfd2FpdCI6MTAwMDAwMDAwMCwibWF4X2RlbGl2ZXIiOjEs\
        InJlcGxheV9wb2xpY3kiOiJpbnN0YW50IiwibWF4X3dhaXRpbmciOjUxMiwibWF4X2Fja19wZW5kaW5nIjoxMDAw\
        LCJudW1fcmVwbGljYXMiOjB9LCJuZXh0IjoxLCJzdGFydHMiOltdLCJkZWxpdmVyZWQiOlswLDBdLCJmbG9vciI6\
        WzAsMF0sInBlbmRpbmciOltdfQr+o1QBAAAAAQAAAAAAAAABAAAAAAAAAAEAAAAAAAAAmq9njAEAAAACAAAAAAAA\
        AAIAAAAAAAAAAQAAAAAAAADqYCTEAQAAAAMAAAAAAAAAAwAAAAAAAAABAAAAAAAAAEt6AzgBAAAABAAAAAAAAAAE\
        AAAAAAAAAAEAAAAAAAAAfmVBDAIAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACTljJ9AgAAAAMAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAAAALb1NAUEAAAAAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgeGglgQAAAAEAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAA7tUBwAQAAAAUAAAAAAAAABQAAAAAAAAABAAAAAAAAAKSCpu4CAAAABQAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAA
        """
    /// Of six messages the last two taken out.
    private static let stream = """
        S0FTU0FUV04BAAAAuQEAAAEAAAAAAAAA6ik4Vg6V/UB7ImNyZWF0ZWQiOiIyMDI2LTExLTI3VDIyOjIxOjAyLjg5\
        OTg5M1oiLCJjb25maWciOnsibmFtZSI6IlMiLCJzdWJqZWN0cyI6WyJhLj4iXSwicmV0ZW50aW9uIjoibGltaXRz\
        IiwibWF4X2NvbnN1bWVycyI6LTEsIm1heF9tc2dzIjotMSwibWF4X2J5dGVzIjotMSwibWF4X2FnZSI6MCwibWF4\
        X21zZ3NfcGVyX3N1YmplY3QiOi0xLCJtYXhfbXNnX3NpemUiOi0xLCJkaXNjYXJkIjoib2xkIiwic3RvcmFnZSI6\
        ImZpbGUiLCJudW1fcmVwbGljYXMiOjEsImR1cGxpY2F0ZV93aW5kb3ciOjEyMDAwMDAwMDAwMCwic2VhbGVkIjpm\
        YWxzZSwiZGVueV9kZWxldGUiOmZhbHNlLCJkZW55X3B1cmdlIjpmYWxzZSwiYWxsb3dfcm9sbHVwX2hkcnMiOmZh\
        bHNlLCJhbGxvd19kaXJlY3QiOmZhbHNlLCJtaXJyb3JfZGlyZWN0IjpmYWxzZX0sImZpcnN0IjoxLCJsYXN0Ijow\
        LCJnYXBzIjpbXX0XSkFDAAAAAAUAAAAAAAAAfs0FmAAAAAAGAAAAAAAAAA==
        """

    @Test func `what an earlier build wrote of streams and consumers is read`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.consumer("A")
        try shop.consumer("C")
        try shop.store(1...6)
        let folder = try shop.folder.copy()
        let files = [
            "stream.a": Self.stream, "consumer-A.a": Self.consumerA, "consumer-C.a": Self.consumerC,
        ]
        for (name, text) in files {
            let path = try #require(folder.files("jetstream/\(name)").first)
            try folder.write(try #require(Data(base64Encoded: text)), path)
        }
        let after = try Shop(folder)
        #expect(after.notices.all == [])
        #expect(try after.contents().map(\.text) == ["1", "2", "3", "4"])
        var progress = try after.progress("A")
        #expect(progress["delivered"] == 4 && progress["floor"] == 2)
        #expect(progress["num_ack_pending"] == 2)
        progress = try after.progress("C")
        #expect(progress["delivered"] == 5 && progress["floor"] == 5)
        #expect(progress["num_ack_pending"] == 0)
    }
}
